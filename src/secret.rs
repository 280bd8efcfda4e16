//! The secret key of a relay, and every number that is derived from it.
//!
//! A derived number is SipHash-2-4 of its purpose and its input, under a key of 128 bits. SipHash-2-4 is
//! a pseudorandom function (Aumasson, Bernstein 2012): an attacker who sees any number of outputs,
//! for inputs of their own choice, learns neither the key nor another output. So nobody without
//! the key finds the address behind a cloak, although there are few enough addresses to try all.
//!
//! Test vectors pin the derivation: a cloak on a ban list, and an id that a store keeps, must mean
//! the same after an upgrade.

use siphasher::sip::SipHasher24;
use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

/// The key that everything is derived from: 128 bits, kept by the operator of the relay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretKey([u8; 16]);

/// The error of a text that is not a [`SecretKey`]. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretKeyError;

/// Derives keys, epochs, cloaks and ids: some are the same in every run of the relay, some only in
/// this run.
#[derive(Clone, Copy, Debug)]
pub struct Secrets {
    key: SecretKey,
    run: u64,
}

/// The purpose of a derived number. Two purposes never share an input.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Cloak,
    GuestKey,
    MessageId,
    MessageIdTail,
    PasswordProof,
    Unique,
}

/// Returns a checksum that distinguishes versions of some bytes. It protects no secret: the key is
/// zero.
pub fn checksum(bytes: &[u8]) -> u64 {
    SipHasher24::new().hash(bytes)
}

impl SecretKey {
    /// Takes random bytes as a key.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Makes a key that everybody can guess, for tests and simulations.
    pub const fn from_number(number: u64) -> Self {
        Self((number as u128).to_be_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl fmt::Display for SecretKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret is 32 hexadecimal digits: `openssl rand -hex 16` makes one")
    }
}

impl std::error::Error for SecretKeyError {}

impl FromStr for SecretKey {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, SecretKeyError> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(|number| Self(number.to_be_bytes())).ok_or(SecretKeyError)
    }
}

impl Secrets {
    /// Derives from `key`. Two runs with the same key need different numbers `run`: else they give out
    /// the same epochs and keys for different rooms and people.
    pub const fn new(key: SecretKey, run: u64) -> Self {
        Self { key, run }
    }

    /// Derives from a number that everybody can guess, for tests and simulations.
    pub const fn from_number(number: u64) -> Self {
        Self::new(SecretKey::from_number(number), 0)
    }

    /// Returns the number that stands for a network without revealing it. Never 0.
    pub fn cloak(&self, network: u64) -> u64 {
        self.derive(Purpose::Cloak, &[&network.to_le_bytes()])
    }

    /// Returns the id of a message that is published only once, from a key that its sender chose.
    pub fn message_id(&self, cloak: u64, key: u64, sender: &str, word: &str) -> (u64, u64) {
        let sender = sender.to_ascii_lowercase();
        let (cloak, key) = (cloak.to_le_bytes(), key.to_le_bytes());
        let parts: [&[u8]; 4] = [&cloak, &key, sender.as_bytes(), word.as_bytes()];
        (self.derive(Purpose::MessageId, &parts), self.derive(Purpose::MessageIdTail, &parts))
    }

    /// Returns the number by which a password that was accepted before is recognised.
    pub fn password_proof(&self, hash: &str, password: &str) -> u64 {
        self.derive(Purpose::PasswordProof, &[hash.as_bytes(), password.as_bytes()])
    }

    /// Returns the key of this run's guest of that number. Never 0.
    pub fn guest_key(&self, number: u64) -> u64 {
        self.derive_for_run(Purpose::GuestKey, number)
    }

    /// Returns this run's `count`th key, epoch or id. Never 0.
    pub fn unique(&self, count: u64) -> u64 {
        self.derive_for_run(Purpose::Unique, count)
    }

    fn derive_for_run(&self, purpose: Purpose, number: u64) -> u64 {
        self.derive(purpose, &[&self.run.to_le_bytes(), &number.to_le_bytes()])
    }

    /// Derives a number from a purpose and parts. Each part follows its length, so that no two
    /// lists of parts are the same bytes.
    fn derive(&self, purpose: Purpose, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key.0);
        for part in [purpose.name().as_bytes()].iter().chain(parts) {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        hasher.finish().max(1)
    }
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Cloak => "cloak",
            Self::GuestKey => "guest key",
            Self::MessageId => "message id",
            Self::MessageIdTail => "message id, second half",
            Self::PasswordProof => "password proof",
            Self::Unique => "unique",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f";

    // Found by another implementation.
    const CLOAK: u64 = 0x84d5_6496_8ee8_427e;
    const GUEST_KEY: u64 = 0xe862_bd7a_5b00_fe44;
    const UNIQUE: u64 = 0xcaeb_e64f_2fbb_a8a4;
    const MESSAGE_ID: (u64, u64) = (0x4e36_b3e3_73b9_ecb5, 0x4d06_de78_872d_69da);
    const PASSWORD_PROOF: u64 = 0x4c75_76f4_2082_c58c;

    #[test]
    fn the_hash_is_siphash_2_4() {
        // The example of the paper, appendix A.
        let hasher = SipHasher24::new_with_key(&KEY.parse::<SecretKey>().unwrap().0);
        let input: Vec<u8> = (0..15).collect();
        assert_eq!(hasher.hash(&input), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn what_is_derived_never_changes() {
        let secrets = Secrets::new(KEY.parse().unwrap(), 7);
        assert_eq!(secrets.cloak(0xc000_0201), CLOAK);
        assert_eq!(secrets.guest_key(1), GUEST_KEY);
        assert_eq!(secrets.unique(1), UNIQUE);
        assert_eq!(secrets.message_id(CLOAK, 5, "Ann", "word"), MESSAGE_ID);
        assert_eq!(secrets.message_id(CLOAK, 5, "ann", "word"), MESSAGE_ID);
        assert_eq!(secrets.password_proof("$argon2id$", "sesame"), PASSWORD_PROOF);
    }

    #[test]
    fn a_run_has_keys_of_its_own_and_the_cloaks_of_every_run() {
        let [one, two] = [1, 2].map(|run| Secrets::new(SecretKey::from_number(5), run));
        assert_eq!(one.cloak(9), two.cloak(9));
        assert_eq!(one.message_id(1, 2, "a", "b"), two.message_id(1, 2, "a", "b"));
        assert_ne!(one.unique(1), two.unique(1));
        assert_ne!(one.guest_key(1), two.guest_key(1));
    }

    #[test]
    fn purposes_keys_and_the_edges_of_parts_make_a_difference() {
        let secrets = Secrets::from_number(5);
        assert_ne!(secrets.unique(1), secrets.guest_key(1));
        assert_ne!(secrets.cloak(1), Secrets::from_number(6).cloak(1));
        assert_ne!(secrets.password_proof("ab", "c"), secrets.password_proof("a", "bc"));
        let (first, second) = secrets.message_id(1, 2, "a", "b");
        assert_ne!(first, second);
    }

    #[test]
    fn a_secret_is_32_hexadecimal_digits() {
        assert_eq!("00000000000000000000000000005EED".parse(), Ok(SecretKey::from_number(0x5eed)));
        for wrong in ["", "5eed", &"g".repeat(32), &"0".repeat(31), &"0".repeat(33), "é"] {
            assert_eq!(wrong.parse::<SecretKey>(), Err(SecretKeyError), "{wrong:?}");
        }
        let signed = format!("+{}", "0".repeat(31));
        assert_eq!(signed.parse::<SecretKey>(), Err(SecretKeyError));
        let key: SecretKey = KEY.parse().unwrap();
        assert!(!format!("{key:?}").contains("0102"));
    }
}
