//! Tests of the engine through its public interface: the events it takes, and the effects it
//! requests.

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
