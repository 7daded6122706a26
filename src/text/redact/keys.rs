//! Which keys hold secrets: a rule over the words of a key, because lists of whole keys miss most spellings and
//! substrings hide token counts.

use std::cell::RefCell;

use rustc_hash::FxHashMap;
use unicode_width::UnicodeWidthChar;

use crate::text::safe::is_hidden;

/// What a key says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyClass {
    /// Nothing.
    Harmless,
    /// The value is a secret.
    Secret,
    /// A secret when it is a line with a header's value: everything up to its end.
    Header,
    /// `token`, `auth`, `refresh`: a secret unless it is a number.
    Word,
    /// `token` alone, which is harmless below `logprobs`.
    Token,
    /// `key` alone: a secret unless a `value` stands beside it.
    Key,
    /// `pwd`: a secret unless it is a path.
    Pwd,
}

/// Only the end of a longer key is looked at, in bytes.
const MAX_KEY: usize = 512;
/// Keys whose class is remembered, and how long they may be, in bytes.
const MAX_KNOWN: usize = 4096;
const MAX_KNOWN_KEY: usize = 64;

/// Whether a value under `key` is to be hidden: `apiKey`, `OPENAI_API_KEY`, `x-api-key`, but not `promptTokens`.
pub fn is_sensitive_key(key: &str) -> bool {
    classify(key) != KeyClass::Harmless
}

/// What `key` says. Keys repeat, so recent answers are kept.
pub(super) fn classify(key: &str) -> KeyClass {
    thread_local! {
        static KNOWN: RefCell<FxHashMap<Box<str>, KeyClass>> = RefCell::default();
    }
    if key.len() > MAX_KNOWN_KEY {
        return classify_words(key);
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(class) = known.get(key) {
            return *class;
        }
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let class = classify_words(key);
        known.insert(key.into(), class);
        class
    })
}

fn classify_words(key: &str) -> KeyClass {
    let (words, shouting) = split(key);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let whole = words.concat();
    match whole.as_str() {
        "token" => return KeyClass::Token,
        "key" => return KeyClass::Key,
        "auth" | "refresh" => return KeyClass::Word,
        "pwd" => return KeyClass::Pwd,
        _ => {}
    }
    if is_glued(&whole) && words.iter().all(|word| word.len() == 1) {
        return KeyClass::Secret;
    }
    let Some((&last, before)) = words.split_last() else {
        return KeyClass::Harmless;
    };
    match last {
        "authorization" | "cookie" | "cookies" => return KeyClass::Header,
        _ if is_about_a_secret(last) => return KeyClass::Harmless,
        _ if is_secret_word(last) || is_glued(last) => return KeyClass::Secret,
        _ => {}
    }
    let secret = words.windows(2).any(|pair| is_secret_pair(pair[0], pair[1]))
        || (is_form_of_a_secret(last)
            && before.last().is_some_and(|word| is_secret_word(word) || is_glued(word)))
        || (shouting && before.last().is_some_and(|word| is_secret_variable(word, last)));
    if secret { KeyClass::Secret } else { KeyClass::Harmless }
}

/// Words that alone, at the end of a key, name a secret.
fn is_secret_word(word: &str) -> bool {
    matches!(
        word,
        "password"
            | "passwords"
            | "passwd"
            | "pwd"
            | "passphrase"
            | "passcode"
            | "secret"
            | "secrets"
            | "credential"
            | "credentials"
            | "creds"
            | "authorization"
            | "cookie"
            | "cookies"
            | "jwt"
            | "bearer"
            | "ssn"
            | "pin"
            | "otp"
            | "totp"
            | "cvv"
            | "cvc"
            | "mnemonic"
    )
}

/// Forms written without any separator, also at the end of a longer word.
fn is_glued(word: &str) -> bool {
    const GLUED: [&str; 22] = [
        "password",
        "passwd",
        "passphrase",
        "apikey",
        "apikeys",
        "secretkey",
        "accesskey",
        "privatekey",
        "signingkey",
        "encryptionkey",
        "sshkey",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "authtoken",
        "sessiontoken",
        "csrftoken",
        "bearertoken",
        "apitoken",
        "clientsecret",
        "connectionstring",
        "cardnumber",
    ];
    GLUED.iter().any(|glued| word.ends_with(glued))
}

fn is_secret_pair(first: &str, second: &str) -> bool {
    match second {
        "key" | "keys" if first.ends_with("api") => true,
        "key" | "keys" => matches!(
            first,
            "private"
                | "signing"
                | "encryption"
                | "decryption"
                | "access"
                | "ssh"
                | "secret"
                | "master"
                | "account"
                | "auth"
                | "subscription"
                | "storage"
        ),
        "token" | "tokens" if second == "token" || !matches!(first, "id" | "session") => matches!(
            first,
            "access"
                | "refresh"
                | "id"
                | "session"
                | "csrf"
                | "xsrf"
                | "auth"
                | "oauth"
                | "bearer"
                | "api"
                | "security"
                | "secret"
                | "bot"
                | "github"
                | "gitlab"
                | "slack"
                | "npm"
                | "vault"
                | "webhook"
                | "reset"
                | "verification"
                | "personal"
                | "service"
        ),
        "secret" => first == "client",
        "string" => first == "connection",
        "number" => first == "card",
        "word" | "phrase" | "code" if first == "pass" => true,
        "phrase" => matches!(first, "seed" | "recovery"),
        "code" | "codes" => matches!(first, "recovery" | "backup" | "mfa" | "otp" | "pin"),
        "pass" => matches!(first, "db" | "user" | "smtp" | "mail" | "root" | "admin" | "redis" | "postgres"),
        _ => false,
    }
}

/// Last words that say something about a secret without being it: `access_token_expires_in`, `private_key_path`.
fn is_about_a_secret(word: &str) -> bool {
    matches!(
        word,
        "expires"
            | "expiry"
            | "expiration"
            | "ttl"
            | "lifetime"
            | "count"
            | "id"
            | "ids"
            | "name"
            | "names"
            | "type"
            | "source"
            | "url"
            | "uri"
            | "endpoint"
            | "enabled"
            | "present"
            | "required"
            | "valid"
            | "length"
            | "created"
            | "updated"
            | "at"
            | "in"
            | "arn"
            | "path"
            | "file"
            | "algorithm"
            | "version"
            | "status"
            | "scope"
            | "scopes"
            | "policy"
            | "provider"
            | "method"
            | "usage"
            | "limit"
    )
}

/// Last words behind which the secret itself stands: `secret_value`, `passwordHash`.
fn is_form_of_a_secret(word: &str) -> bool {
    matches!(
        word,
        "value"
            | "hash"
            | "text"
            | "plain"
            | "plaintext"
            | "string"
            | "raw"
            | "base"
            | "confirmation"
            | "confirm"
            | "old"
            | "new"
            | "current"
            | "encrypted"
            | "header"
    )
}

/// Names of environment variables: `GITHUB_TOKEN`, `STRIPE_KEY`, `DB_PASS`, but not `EOS_TOKEN` or `CACHE_KEY`.
fn is_secret_variable(before: &str, last: &str) -> bool {
    match last {
        "token" => !matches!(
            before,
            "eos"
                | "bos"
                | "pad"
                | "unk"
                | "sep"
                | "cls"
                | "mask"
                | "stop"
                | "start"
                | "end"
                | "first"
                | "next"
                | "last"
                | "page"
                | "per"
                | "max"
                | "min"
                | "special"
                | "continuation"
        ),
        "key" => !matches!(
            before,
            "cache"
                | "primary"
                | "foreign"
                | "public"
                | "sort"
                | "partition"
                | "idempotency"
                | "group"
                | "row"
                | "hash"
                | "routing"
                | "object"
                | "unique"
        ),
        "pass" | "pw" | "pat" | "psk" => true,
        _ => false,
    }
}

/// The lower-case words of a key, folded to plain letters, without digits; and whether all its letters are capitals.
fn split(key: &str) -> (Vec<String>, bool) {
    let start = key.len().saturating_sub(MAX_KEY);
    let start = (start..=key.len()).find(|&at| key.is_char_boundary(at)).unwrap_or(0);
    let folded: Vec<char> = key.get(start..).unwrap_or("").chars().filter_map(fold).collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut shouting = true;
    for (at, &c) in folded.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| folded.get(at));
        let after_lower = before.is_some_and(|c| c.is_lowercase());
        let last_of_capitals =
            before.is_some_and(|c| c.is_uppercase()) && folded.get(at + 1).is_some_and(|c| c.is_lowercase());
        let starts = c.is_uppercase() && (after_lower || last_of_capitals);
        shouting &= !c.is_lowercase();
        if (starts || !c.is_alphabetic()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    (words, shouting)
}

/// Makes look-alikes plain letters, in the manner of NFKC, and takes out what nobody sees.
fn fold(c: char) -> Option<char> {
    const CYRILLIC: &str = "аеорсухіѕјкԁһԛԝАВЕКМНОРСТХІЅЈ";
    const CYRILLIC_LATIN: &str = "aeopcyxisjkdhqwABEKMHOPCTXISJ";
    const GREEK: &str = "αορντικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ";
    const GREEK_LATIN: &str = "aopvtikABEZHIKMNOPTYX";
    if c.is_ascii() {
        return Some(c);
    }
    let code = c as u32;
    let letter =
        |index: u32| char::from_u32(u32::from(b'A') + index % 26 + if index % 52 < 26 { 0 } else { 32 });
    match code {
        0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        0x1d400..=0x1d6a3 => letter(code - 0x1d400),
        0x24b6..=0x24e9 => letter(code - 0x24b6),
        0x17f => Some('s'),
        0x131 => Some('i'),
        0x2000..=0x200a | 0xa0 | 0x3000 => Some(' '),
        _ if is_hidden(c) || c.width().unwrap_or(0) == 0 => None,
        _ => [(CYRILLIC, CYRILLIC_LATIN), (GREEK, GREEK_LATIN)]
            .iter()
            .find_map(|(from, to)| to.chars().nth(from.chars().position(|look_alike| look_alike == c)?))
            .or(Some(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_secrets_are_secret() {
        for key in "password PASSWORD passwd pwd passphrase token access_token accessToken refreshToken id_token bearer \
             bearerToken authorization Authorization Proxy-Authorization x-api-key X-Api-Key apiKey api_key api-key \
             OPENAI_API_KEY openaiApiKey anthropic_api_key AWS_SECRET_ACCESS_KEY aws_session_token secret \
             client_secret clientSecret privateKey private_key ssh_key credential credentials cookie Set-Cookie \
             session_token csrf_token jwt ssn dbPassword connection_string webhook_secret signing_key encryptionKey \
             pin otp cvv card_number"
            .split_whitespace()
        {
            assert!(is_sensitive_key(key), "{key}");
        }
    }

    #[test]
    fn the_measured_harmless_keys_are_harmless() {
        for key in "promptTokens completion_tokens totalTokens max_tokens token_count tokenizer tokenUsage cache_key \
             primary_key keyboard monkey keywords author authority auth_method secretary passwordless refresh_interval \
             idempotency_key public_key token_type logprobs logprob stop_token eos_token passed bypass session_id \
             pinned option private model"
            .split_whitespace()
        {
            assert!(!is_sensitive_key(key), "{key}");
        }
    }

    /// Keys that the rule was not made from.
    #[test]
    fn other_keys() {
        for key in "http.request.header.authorization http.request.header.x_api_key db.connection_string GITHUB_TOKEN \
             STRIPE_KEY SMTP_PASS X-Amz-Security-Token password1 passwordHash secret_value new_password \
             password_confirmation auth.token APIKey OpenAIAPIKey apikey accesstoken userpassword apiKeys \
             Ocp-Apim-Subscription-Key x-goog-api-key LANGFUSE_SECRET_KEY auth refresh key sshPrivateKey \
             p-a-s-s-w-o-r-d azure_storage_account_key mfa_code seed_phrase oauth2_token"
            .split_whitespace()
        {
            assert!(is_sensitive_key(key), "{key}");
        }
        for key in "gen_ai.usage.input_tokens gen_ai.token.type gen_ai.usage.cache_read.input_tokens tokens \
             time_to_first_token inputTokens cachedInputTokens reasoning_tokens tokensPerSecond nextPageToken \
             access_token_expires_in private_key_path api_key_source AWS_ACCESS_KEY_ID EOS_TOKEN CACHE_KEY keys \
             keystroke passenger compass first_pass shopping spinner option_id sessionId authors secretName \
             authentication cookie_consent_enabled refresh_rate MAX_TOKENS monkeys hotkey key_name id name value \
             thread_id conversation.id tool.name url.full"
            .split_whitespace()
        {
            assert!(!is_sensitive_key(key), "{key}");
        }
        assert!(!is_sensitive_key(""));
        assert!(is_sensitive_key(&format!("{}_password", "x".repeat(100_000))));
    }

    #[test]
    fn obfuscated_spellings_are_folded() {
        for key in [
            "pass\u{200b}word",
            "p\u{430}ssword",
            "ＰＡＳＳＷＯＲＤ",
            "pass word",
            "passWord ",
            "pa\u{301}ssword",
            "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝",
            "api\u{a0}key",
            "ａｐｉ＿ｋｅｙ",
        ] {
            assert!(is_sensitive_key(key), "{key}");
        }
    }
}
