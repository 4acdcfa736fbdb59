//! Tokens that nobody can guess.

/// 32 random bytes in hexadecimal.
///
/// # Errors
/// If the system gives no random numbers.
pub(crate) fn token() -> Result<String, String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
