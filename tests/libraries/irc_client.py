"""A scripted conversation through Python's `irc`: python irc_client.py PORT."""

import sys
import time

import irc.client

PATIENCE = 20


def main(port):
    reactor = irc.client.Reactor()
    heard = []
    people = {}
    names = {}
    reactor.add_global_handler("all_events", lambda whose, event: heard.append((names[whose], event)))
    for nick in ("pyann", "pybob"):
        connection = reactor.server()
        names[connection] = nick
        connection.connect("127.0.0.1", port, nick)
        people[nick] = connection
    ann, bob = people["pyann"], people["pybob"]

    def hears(nick, kind, *words):
        """Waits until somebody has heard an event of this kind that says these words; and forgets it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for entry in heard:
                who, event = entry
                text = " ".join([str(event.source), str(event.target), *map(str, event.arguments)])
                if who == nick and event.type == kind and all(word in text for word in words):
                    heard.remove(entry)
                    return event
            reactor.process_once(timeout=0.1)
        sys.exit(f"{nick} did not hear {kind} {words}; but {[(w, e.type, e.arguments) for w, e in heard][-9:]}")

    for nick in people:
        hears(nick, "welcome", "Welcome to the")
    assert ann.features.chantypes == "#", ann.features
    assert ann.features.prefix == {"@": "o", "+": "v"}, ann.features.prefix
    ann.join("#py")
    hears("pyann", "join", "#py")
    hears("pyann", "namreply", "@pyann")
    ann.topic("#py", "green or black?")
    hears("pyann", "topic", "green or black?")
    bob.join("#py")
    hears("pybob", "currenttopic", "green or black?")
    hears("pybob", "endofnames", "#py")
    hears("pyann", "join", "pybob")
    ann.privmsg("#py", "hello")
    hears("pybob", "pubmsg", "pyann", "hello")
    bob.privmsg("pyann", "psst")
    hears("pyann", "privmsg", "pybob", "psst")
    bob.action("#py", "waves")
    hears("pyann", "action", "waves")
    ann.mode("#py", "+v pybob")
    hears("pybob", "mode", "+v", "pybob")
    ann.whois(["pybob"])
    hears("pyann", "whoisuser", "pybob")
    hears("pyann", "endofwhois")
    ann.nick("pyanna")
    hears("pybob", "nick", "pyanna")
    ann.kick("#py", "pybob", "out")
    hears("pybob", "kick", "pybob", "out")
    bob.part("#py")
    hears("pybob", "notonchannel", "#py")
    bob.quit("bye")
    hears("pybob", "disconnect")
    print("Python's irc: heard everything")


main(int(sys.argv[1]))
