//! Our own price file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::card::Bucket;
use super::super::decimal::{ONE, scaled, times};
use super::super::names;
use super::rule::{Cards, Draft, Rule, RulePrice};
use super::{Alias, Fault, File, fault};
use crate::model::{NANOS_PER_SEC, ServiceTier, UnixNanos};
use crate::text::nearest;

/// From US dollars per million to femto-dollars.
const PER_MILLION: i32 = 9;
/// From US dollars to femto-dollars.
const PER_PIECE: i32 = 15;
/// From a dollar per thousand tokens to femto-dollars for one.
const PER_THOUSAND: i32 = 12;

const TOP: [&str; 5] = ["price", "alias", "free", "currency", "fx"];
const FREE: [&str; 2] = ["providers", "models"];
/// Keys of a row that are no rates.
const ROW: [&str; 12] = [
    "provider",
    "match",
    "from",
    "until",
    "above",
    "batch",
    "flex",
    "priority",
    "currency",
    "fx",
    "flat_per_1k_total",
    "cache_write",
];
const RATES: [&str; 11] = [
    "input",
    "input_audio",
    "cache_read",
    "cache_read_audio",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "output_audio",
    "request",
    "search",
];
const MODES: [(&str, ServiceTier); 3] =
    [("batch", ServiceTier::Batch), ("flex", ServiceTier::Flex), ("priority", ServiceTier::Priority)];

type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the rows, aliases and free names of a file.
pub(super) fn read(text: &str, file: &mut File) -> Result<(), Fault> {
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        fault(text, offset, format!("invalid TOML: {}", error.message()))
    })?;
    let reader = Reader { text };
    let top = table.get_ref();
    reader.check_keys(top, &[&TOP], "key")?;
    let exchange = reader.exchange(top, None)?;
    if let Some(free) = top.get("free") {
        reader.free(free, &mut file.rules)?;
    }
    if let Some(aliases) = top.get("alias") {
        for (name, target) in reader.table(aliases, "alias")? {
            let name = (name.span(), name.get_ref().trim().to_lowercase());
            let target = reader.string(target, "an alias")?.trim();
            if name.1.is_empty() || target.is_empty() {
                return Err(fault(text, name.0.start, "an alias needs a name on both sides"));
            }
            let line = super::line_at(text, name.0.start);
            file.aliases.push(Alias { line, name: name.1.into(), target: target.into() });
        }
    }
    if let Some(prices) = top.get("price") {
        let DeValue::Array(rows) = prices.get_ref() else {
            return Err(fault(text, prices.span().start, "write [[price]] with two brackets"));
        };
        for row in rows {
            file.rules.push(reader.row(row, exchange)?);
        }
    }
    Ok(())
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn fault(&self, span: &Range<usize>, message: impl Into<String>) -> Fault {
        fault(self.text, span.start, message)
    }

    fn check_keys(&self, table: &DeTable<'_>, known: &[&[&str]], what: &str) -> Result<(), Fault> {
        let known = || known.iter().copied().flatten().copied();
        let mut unknown: Vec<_> =
            table.keys().filter(|key| !known().any(|other| other == *key.get_ref())).collect();
        unknown.sort_by_key(|key| key.span().start);
        match unknown.first() {
            None => Ok(()),
            Some(key) => Err(self.fault(
                &key.span(),
                format!(
                    "{} is no {what} here; the nearest is {}",
                    key.get_ref(),
                    nearest(known(), key.get_ref())
                ),
            )),
        }
    }

    fn table<'t, 'i>(&self, value: &'t Value<'i>, name: &str) -> Result<&'t DeTable<'i>, Fault> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.fault(&value.span(), format!("{name}: expected a table"))),
        }
    }

    fn string<'t>(&self, value: &'t Value<'_>, name: &str) -> Result<&'t str, Fault> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.fault(&value.span(), format!("{name}: expected a text in quotes"))),
        }
    }

    /// A number times ten to the power of `scale`.
    fn number(&self, value: &Value<'_>, name: &str, scale: i32, what: &str) -> Result<u64, Fault> {
        let text = match value.get_ref() {
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            _ => return Err(self.fault(&value.span(), format!("{name}: expected {what}"))),
        };
        scaled(text, scale)
            .map_err(|why| self.fault(&value.span(), format!("{name}: {text} {why}; expected {what}")))
    }

    fn amount(&self, value: &Value<'_>, name: &str) -> Result<u64, Fault> {
        let (scale, what) = match name {
            "request" => (PER_PIECE, "an amount for each call"),
            "search" => (PER_PIECE, "an amount for each search"),
            _ => (PER_MILLION, "an amount for a million tokens"),
        };
        self.number(value, name, scale, what)
    }

    /// A day, in days since 1970.
    fn day(&self, value: &Value<'_>, name: &str) -> Result<i64, Fault> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            _ => String::new(),
        };
        let day = (text.len() == 10).then(|| UnixNanos::parse(&format!("{text}T00:00:00Z"))).flatten();
        day.map(|day| day.0.div_euclid(86_400 * NANOS_PER_SEC)).ok_or_else(|| {
            self.fault(&value.span(), format!("{name}: expected a day such as \"2026-01-31\" (UTC)"))
        })
    }

    /// How many US dollars one unit of the file's or row's currency is, in billionths.
    fn exchange(&self, table: &DeTable<'_>, outer: Option<u64>) -> Result<u64, Fault> {
        let fx = match table.get("fx") {
            Some(value) => Some(self.number(value, "fx", 9, "US dollars for one unit of the currency")?),
            None => None,
        };
        let Some(currency) = table.get("currency") else { return Ok(fx.or(outer).unwrap_or(ONE)) };
        let name = self.string(currency, "currency")?;
        let dollars = name.eq_ignore_ascii_case("usd");
        match fx {
            Some(0) => Err(self.fault(&currency.span(), "fx is zero")),
            Some(fx) if !dollars || fx == ONE => Ok(fx),
            None if dollars => Ok(ONE),
            Some(_) => Err(self.fault(&currency.span(), "currency is USD, whose fx is 1")),
            None => Err(self.fault(
                &currency.span(),
                format!("currency {name} needs fx = what one {name} is in US dollars"),
            )),
        }
    }

    fn free(&self, value: &Value<'_>, rules: &mut Vec<Rule>) -> Result<(), Fault> {
        let table = self.table(value, "free")?;
        self.check_keys(table, &[&FREE], "key of [free]")?;
        for key in FREE {
            let Some(list) = table.get(key) else { continue };
            let DeValue::Array(names) = list.get_ref() else {
                return Err(self.fault(&list.span(), format!("free.{key}: expected a list of names")));
            };
            for name in names {
                let text = self.string(name, key)?.trim().to_lowercase();
                let (provider, pattern) = if key == "providers" {
                    (Some(names::key(&text).into()), "*".into())
                } else {
                    (None, text.into())
                };
                let line = super::line_at(self.text, name.span().start);
                let price = RulePrice::Free;
                rules.push(Rule { line, provider, pattern, from: None, until: None, price });
            }
        }
        Ok(())
    }

    fn row(&self, row: &Value<'_>, exchange: u64) -> Result<Rule, Fault> {
        let table = self.table(row, "price")?;
        self.check_keys(table, &[&ROW, &RATES], "key of [[price]]")?;
        let exchange = self.exchange(table, Some(exchange))?;
        let pattern = match table.get("match") {
            Some(value) => self.string(value, "match")?.trim().to_lowercase(),
            None => String::new(),
        };
        if pattern.is_empty() {
            return Err(self.fault(
                &row.span(),
                "a price needs match = the model's name, in which * stands for any text",
            ));
        }
        let provider = match table.get("provider") {
            Some(value) => Some(names::key(self.string(value, "provider")?)).filter(|name| !name.is_empty()),
            None => None,
        };
        let day = |name: &str| table.get(name).map(|value| self.day(value, name)).transpose();
        let (from, until) = (day("from")?, day("until")?);
        if let (Some(from), Some(until), Some(value)) = (from, until, table.get("until"))
            && until <= from
        {
            return Err(
                self.fault(&value.span(), "until is not after from; it is the first day without the price")
            );
        }
        Ok(Rule {
            line: super::line_at(self.text, row.span().start),
            provider: provider.map(Into::into),
            pattern: pattern.into(),
            from,
            until,
            price: RulePrice::Cards(self.cards(row, table, exchange)?),
        })
    }

    fn cards(&self, row: &Value<'_>, table: &DeTable<'_>, exchange: u64) -> Result<Cards, Fault> {
        let (mut standard, flat) = (self.draft(table)?, table.get("flat_per_1k_total"));
        if let Some(value) = flat {
            if let Some(other) = Bucket::ALL.into_iter().find(|bucket| standard.base.get(*bucket).is_some()) {
                let other = other.as_str();
                return Err(
                    self.fault(&value.span(), format!("flat_per_1k_total and {other} exclude each other"))
                );
            }
            let what = "an amount for a thousand tokens";
            let femto = self.number(value, "flat_per_1k_total", PER_THOUSAND, what)?;
            standard.base.set(Bucket::Input, femto);
            standard.base.set(Bucket::Output, femto);
        } else {
            let given = |bucket| standard.base.get(bucket).is_some();
            let missing = [Bucket::Input, Bucket::Output].into_iter().find(|bucket| !given(*bucket));
            if let Some(missing) = missing.map(Bucket::as_str) {
                return Err(self.fault(
                    &row.span(),
                    format!("this price has no {missing}; write {missing} = 0 if nothing is billed for it"),
                ));
            }
        }
        let in_dollars = |draft: &Draft| draft.map(|_, femto| times(femto, exchange));
        let mut others = Vec::new();
        for (name, tier) in MODES {
            let Some(value) = table.get(name) else { continue };
            let draft = if let DeValue::Table(mode) = value.get_ref() {
                self.check_keys(mode, &[&RATES, &["above", "cache_write"]], name)?;
                self.draft(mode)?.over(&standard)
            } else {
                let what = "a factor such as 0.5, or a table of rates";
                let factor = self.number(value, name, 9, what)?;
                standard.map(|bucket, femto| if bucket.is_tokens() { times(femto, factor) } else { femto })
            };
            others.push((tier, in_dollars(&draft).card().into()));
        }
        Ok(Cards { standard: in_dollars(&standard).card().into(), others, flat: flat.is_some() })
    }

    /// The rates of a table and of its `above`.
    fn draft(&self, table: &DeTable<'_>) -> Result<Draft, Fault> {
        let mut draft = Draft { base: self.rates(table)?, above: Vec::new() };
        let Some(above) = table.get("above") else { return Ok(draft) };
        let tiers = match above.get_ref() {
            DeValue::Array(tiers) => tiers.iter().collect(),
            _ => vec![above],
        };
        for value in tiers {
            let tier = self.table(value, "above")?;
            self.check_keys(tier, &[&["tokens", "cache_write"], &RATES], "key of above")?;
            let tokens =
                tier.get("tokens").map(|value| self.number(value, "tokens", 0, "a number of tokens"));
            let Some(tokens) = tokens.transpose()? else {
                return Err(self
                    .fault(&value.span(), "above needs tokens = the prompt's tokens above which it holds"));
            };
            *draft.tier(tokens.saturating_add(1)) = self.rates(tier)?;
        }
        Ok(draft)
    }

    fn rates(&self, table: &DeTable<'_>) -> Result<super::super::card::Given, Fault> {
        let mut given = super::super::card::Given::default();
        for bucket in Bucket::ALL {
            if let Some(value) = table.get(bucket.as_str()) {
                given.set(bucket, self.amount(value, bucket.as_str())?);
            }
        }
        if let Some(value) = table.get("cache_write") {
            if given.get(Bucket::CacheWrite5m).is_some() {
                return Err(
                    self.fault(&value.span(), "cache_write and cache_write_5m are the same; write one")
                );
            }
            given.set(Bucket::CacheWrite5m, self.amount(value, "cache_write")?);
        }
        Ok(given)
    }
}
