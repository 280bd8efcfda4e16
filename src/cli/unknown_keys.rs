//! Unknown keys of configuration tables.

/// Refuses a key that is not known, and suggests the nearest one. `within` is the table's prefix,
/// such as `irc.`.
pub(super) fn refuse_unknown(
    table: &toml::Table,
    known: &[impl AsRef<str>],
    within: &str,
) -> Result<(), String> {
    let is_known = |key: &str| known.iter().any(|known| known.as_ref() == key);
    let Some(unknown) = table.keys().find(|key| !is_known(key)) else { return Ok(()) };
    let similarity = |key: &&str| (strsim::jaro_winkler(key, unknown) * 1e6) as u64;
    let nearest = known.iter().map(AsRef::as_ref).max_by_key(similarity).unwrap_or_default();
    Err(format!("unknown key \"{within}{unknown}\"; did you mean \"{within}{nearest}\"?"))
}
