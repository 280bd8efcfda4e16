//! The engine at its own seam: what it is told, and what it asks for.

mod close;
mod commits;
mod fit;
mod flush;
mod harness;
mod jobs;
mod replay;
mod seam;
mod socket;
mod stored;
mod turns;
