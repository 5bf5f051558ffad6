//! Figures with what they mean. The definitions are written once, in `docs/dashboard.md`, and read from there.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Serialize;
use utoipa::ToSchema;

const TEXT: &str = include_str!("../../../../docs/dashboard.md");

/// What a figure is counted in, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) unit: &'static str,
    pub(super) meaning: &'static str,
}

static DEFINITIONS: LazyLock<HashMap<&'static str, Definition>> = LazyLock::new(|| {
    let read = |line: &'static str| {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.splitn(3, " | ");
        let name = cells.next()?.strip_suffix('`')?;
        Some((name, Definition { unit: cells.next()?, meaning: cells.next()? }))
    };
    TEXT.lines().filter_map(read).collect()
});

/// What the figure of this name means; a name that is not in the table means nothing.
pub(super) fn define(name: &str) -> Definition {
    DEFINITIONS.get(name).copied().unwrap_or(Definition { unit: "", meaning: "" })
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Link)]
pub struct LinkView {
    /// The address.
    pub href: String,
}

/// Links by name.
pub(super) type LinksView = BTreeMap<&'static str, LinkView>;

/// A single link.
pub(super) fn link(name: &'static str, href: String) -> LinksView {
    LinksView::from([(name, LinkView { href })])
}

/// A number with what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Figure {
    /// The number; nothing where there is none, as a share of nothing.
    pub value: Option<i64>,
    /// What is counted.
    #[schema(value_type = String, example = "points")]
    pub unit: &'static str,
    /// What the number means.
    #[schema(value_type = String, example = "Points earned: entries EARN.")]
    pub definition: &'static str,
    /// What it is made of, where that can be listed.
    #[serde(rename = "_links", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, LinkView>)]
    pub links: LinksView,
}

impl Figure {
    /// The figure of this name.
    pub(super) fn of(name: &str, value: impl Into<Option<i64>>) -> Self {
        let Definition { unit, meaning } = define(name);
        Self { value: value.into(), unit, definition: meaning, links: LinksView::new() }
    }

    /// The same, with where what it is made of is listed.
    pub(super) fn listed(self, name: &'static str, href: String) -> Self {
        Self { links: link(name, href), ..self }
    }
}

/// Figures by name.
pub(super) type Figures = BTreeMap<&'static str, Figure>;

/// `part` per 10,000 of `whole`, rounded down; nothing where there is no whole.
pub(super) fn share_bp(part: i64, whole: i64) -> Option<i64> {
    let (part, whole) = (i128::from(part), i128::from(whole));
    (whole > 0).then(|| i64::try_from((part * 10_000).div_euclid(whole)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources that name figures.
    const SOURCES: [&str; 6] = [
        include_str!("summary.rs"),
        include_str!("series.rs"),
        include_str!("sagas.rs"),
        include_str!("live.rs"),
        include_str!("coupons.rs"),
        include_str!("purchase_figures.rs"),
    ];

    #[test]
    fn every_figure_that_is_shown_is_defined_and_every_definition_is_of_one() {
        let named: String = SOURCES.concat();
        let groups = ["members.", "points.", "coupons.", "deals.", "merchants.", "sagas.", "live.", "series."];
        let bought = ["payments.", "memberships.", "carts.", "gifticons.", "vouchers."];
        let names: Vec<&str> = named
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| groups.iter().chain(&bought).any(|group| text.starts_with(group) && *text != *group))
            .collect();
        assert!(names.len() >= 30, "{names:?}");
        for name in &names {
            assert!(!define(name).meaning.is_empty() && !define(name).unit.is_empty(), "{name} is not defined");
        }
        for name in DEFINITIONS.keys() {
            assert!(names.contains(name), "{name} is defined and never shown");
        }
        assert_eq!(define("points.nothing").meaning, "", "control");
    }

    #[test]
    fn shares_are_rounded_down_and_a_share_of_nothing_is_none() {
        assert_eq!(share_bp(1, 3), Some(3_333));
        assert_eq!(share_bp(-1, 3), Some(-3_334));
        assert_eq!(share_bp(5, 0), None);
        assert_eq!(share_bp(i64::MAX, 1), Some(i64::MAX));
    }
}
