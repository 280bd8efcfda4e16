//! Nothing is left out: every command of the table is said in these conversations, every capability asked
//! for, and every numeric heard to the letter.

use super::{admin, capabilities, commands, labels, lines, rate, rights, shared};
use crate::irc::talk::proof;
use std::collections::BTreeSet;
use std::fs;

/// Conversations in which everything happens.
const CONVERSATIONS: &[fn()] = &[
    admin::where_nobody_can_be_an_operator,
    admin::there_may_be_nothing_to_read_again,
    capabilities::negotiation,
    capabilities::what_a_room_hears,
    capabilities::invite_notify,
    capabilities::names_with_every_prefix_and_host,
    capabilities::echo_message,
    capabilities::labeled_response_and_batch,
    capabilities::extended_monitor,
    capabilities::chathistory,
    commands::registration,
    commands::a_connection_password,
    commands::nick,
    commands::joining_talking_and_leaving,
    commands::who_cannot_be_spoken_to,
    commands::topics,
    commands::names_and_lists,
    commands::who_and_whox,
    commands::whois_and_whowas,
    commands::away_ison_userhost_monitor,
    commands::modes_of_people,
    commands::the_relay_itself,
    commands::nobody_is_in_more_channels_than_the_limit,
    commands::operators_of_the_relay,
    labels::the_last_line_is_answered_before_the_end,
    lines::one_line_becomes_one_line_or_none,
    rate::who_speaks_too_fast_is_told,
    rights::modes_are_shown_and_changed,
    rights::who_may_enter,
    rights::inviting,
    rights::who_may_speak,
    rights::kicking,
    rights::lists_are_bounded,
    shared::irc_frames_and_plain_sockets_share_a_room,
];

/// Heard through the binary, which has a file to read (`process.rs`).
const ELSEWHERE: &str = "382";

/// What stands between two marks, in each line of a file that has both.
fn listed(file: &str, before: &str, after: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap();
    let word = |line: &str| Some(line.split_once(before)?.1.split_once(after)?.0.to_owned());
    let found: BTreeSet<String> = text.lines().filter_map(word).collect();
    assert!(found.len() > 10, "{file}: {found:?}");
    found
}

#[test]
fn everything_is_said_and_heard() {
    CONVERSATIONS.iter().for_each(|converse| converse());
    let proof = proof();
    let mut numerics = listed("src/session/irc/numeric.rs", " = \"", "\";");
    assert!(numerics.remove(ELSEWHERE));
    let unheard: Vec<_> = numerics.difference(&proof.heard).collect();
    assert!(unheard.is_empty(), "no line is said to be {unheard:?}");
    let commands = listed("src/session/irc/commands.rs", "    command(\"", "\"");
    let unsaid: Vec<_> = commands.difference(&proof.said).collect();
    assert!(unsaid.is_empty(), "nobody says {unsaid:?}");
    let caps = listed("src/session/encode/irc/caps.rs", ", \"", "\";");
    let unwanted: Vec<_> = caps.difference(&proof.caps).collect();
    assert!(unwanted.is_empty(), "nobody asks for {unwanted:?}");
}
