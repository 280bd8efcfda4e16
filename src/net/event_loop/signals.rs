//! The signals that stop or reload the relay.

use mio::{Registry, Token};
use std::io;

/// A request made by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "signals"), allow(dead_code, reason = "no signal, no request"))]
pub(super) enum SignalRequest {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The pipe through which signals reach the poll.
pub(super) struct SignalPipe {
    #[cfg(feature = "signals")]
    signals: signal_hook_mio::v1_0::Signals,
}

#[cfg(feature = "signals")]
impl SignalPipe {
    /// Registers the signals. Without a configuration to reload, SIGHUP keeps its default action and
    /// ends the process.
    pub(super) fn register(registry: &Registry, token: Token, reloads: bool) -> io::Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let signals: &[_] = if reloads { &[SIGTERM, SIGINT, SIGHUP] } else { &[SIGTERM, SIGINT] };
        let mut signals = signal_hook_mio::v1_0::Signals::new(signals)?;
        registry.register(&mut signals, token, mio::Interest::READABLE)?;
        Ok(Self { signals })
    }

    /// Returns the requests of the signals received since the last call.
    pub(super) fn take(&mut self, registry: &Registry, token: Token) -> Vec<SignalRequest> {
        let request = |signal| match signal {
            signal_hook::consts::SIGHUP => SignalRequest::Reload,
            _ => SignalRequest::Stop,
        };
        let requests = self.signals.pending().map(request).collect();
        // The pipe was read without mio, and mio's poll(2) emulation rearms only on its own reads.
        // With epoll and kqueue this has no effect.
        let _ = registry.reregister(&mut self.signals, token, mio::Interest::READABLE);
        requests
    }
}

#[cfg(not(feature = "signals"))]
impl SignalPipe {
    /// Fails: this build handles no signals.
    pub(super) fn register(_: &Registry, _: Token, _: bool) -> io::Result<Self> {
        let text = "this build handles no signals: build it with the feature `signals`";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    /// Returns no requests: this build handles no signals.
    #[allow(clippy::unused_self, reason = "the same with signals uses it")]
    pub(super) fn take(&mut self, _: &Registry, _: Token) -> Vec<SignalRequest> {
        Vec::new()
    }
}
