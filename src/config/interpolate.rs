//! `${NAME}`, `${NAME:-default}` and `$$` in texts.
//!
//! It works on texts that are already parsed, so nothing in a variable can become TOML. A dollar sign
//! before anything else stays as it is. A variable with a line break or another control character is
//! refused, since such a value could still forge a line in a log or a header.

/// Looks a variable up.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What could not be replaced, and why. The value of a variable is never quoted: it may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The text from `${` on, as written.
    pub token: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

/// `text` with its variables replaced, or everything that could not be.
pub(super) fn interpolate(text: &str, env: Env) -> Result<String, Vec<Refused>> {
    let mut out = String::with_capacity(text.len());
    let mut refused = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some(inside) = rest.strip_prefix("${") {
            let Some(end) = inside.find('}') else {
                let hint = Some("close it with `}`, or write `$${` for the text itself".into());
                refused.push(Refused { token: rest.into(), what: "`${` is not closed".into(), hint });
                return Err(refused);
            };
            match variable(&inside[..end], env) {
                Ok(value) => out.push_str(&value),
                Err((what, hint)) => refused.push(Refused { token: rest[..end + 3].into(), what, hint }),
            }
            rest = &inside[end + 1..];
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    if refused.is_empty() { Ok(out) } else { Err(refused) }
}

/// The value of `NAME` or `NAME:-default`.
fn variable(inside: &str, env: Env) -> Result<String, (String, Option<String>)> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        let hint = "write `${NAME}` or `${NAME:-default}`, or `$$` for a dollar sign".into();
        return Err((format!("`${{{inside}}}` names no environment variable"), Some(hint)));
    }
    // As in a shell, a default also stands in for a variable that is set to nothing.
    let value = env(name).filter(|value| default.is_none() || !value.is_empty());
    match (value, default) {
        (Some(value), _) if value.chars().any(|c| c.is_control() && c != '\t') => Err((
            format!("the environment variable `{name}` holds a line break or control character"),
            Some("put a value of several lines in a file".into()),
        )),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.into()),
        (None, None) => Err((
            format!("the environment variable `{name}` is not set"),
            Some(format!("set it, or give a default: `${{{name}:-default}}`")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("kafka".into()),
            "EMPTY" => Some(String::new()),
            "LINES" => Some("a\nb".into()),
            _ => None,
        }
    }

    #[test]
    fn variables_defaults_and_dollar_signs_are_replaced() {
        for (text, expected) in [
            ("${HOST}:9092", "kafka:9092"),
            ("${NONE:-127.0.0.1}:9092,${HOST}", "127.0.0.1:9092,kafka"),
            ("${EMPTY:-x}${EMPTY}", "x"),
            ("$${HOST} costs 5$ or $5", "${HOST} costs 5$ or $5"),
            ("$$${HOST}", "$kafka"),
        ] {
            assert_eq!(interpolate(text, &env).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn all_that_cannot_be_replaced_is_named() {
        let refused = interpolate("${NONE} ${LINES} ${a b} ${HOST", &env).unwrap_err();
        let tokens: Vec<&str> = refused.iter().map(|r| r.token.as_str()).collect();
        assert_eq!(tokens, ["${NONE}", "${LINES}", "${a b}", "${HOST"]);
        assert!(refused.iter().all(|r| !r.what.contains('\n')));
    }
}
