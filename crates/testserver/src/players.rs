//! The invented players of `/stats/…`, the same in every run.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::sync::OnceLock;

use bytes::Bytes;

use crate::names::{FIRST, LAST, TEAMS, Team, UNUSUAL};

/// One in this many players gets an unusual name, until there are none left.
const UNUSUAL_EVERY: usize = 8;
pub(crate) const THIS_YEAR: u32 = 2016;

pub(crate) struct Player {
    pub(crate) id: u64,
    /// The number of the player, from 0, from which all other data follow.
    pub(crate) seed: usize,
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    pub(crate) from_year: u32,
    pub(crate) to_year: u32,
    info: OnceLock<Bytes>,
}

impl Player {
    fn new(seed: usize, (first, last): (&'static str, &'static str)) -> Self {
        let years = (seed * 7 % 16) as u32;
        // One in eleven has left.
        let to_year = if seed % 11 == 5 { THIS_YEAR - 1 } else { THIS_YEAR };
        // Increasing with gaps, so that ids are not positions.
        let id = 200_700 + seed as u64 * 13 + (seed * seed % 7) as u64;
        Self { id, seed, first, last, from_year: THIS_YEAR - 1 - years, to_year, info: OnceLock::new() }
    }

    /// Whether the player is in a team this season.
    pub(crate) fn active(&self) -> bool {
        self.to_year == THIS_YEAR
    }

    pub(crate) fn team(&self) -> Option<(u64, &'static Team)> {
        let index = self.seed * 5 % TEAMS.len().max(1);
        TEAMS.get(index).filter(|_| self.active()).map(|team| (1_610_612_737 + index as u64, team))
    }

    pub(crate) fn full_name(&self) -> String {
        if self.first.is_empty() { self.last.to_owned() } else { format!("{} {}", self.first, self.last) }
    }

    /// `Last, First`; a name of one word stays as it is.
    pub(crate) fn sort_name(&self) -> String {
        if self.first.is_empty() { self.last.to_owned() } else { format!("{}, {}", self.last, self.first) }
    }

    /// The document of this player, rendered the first time.
    pub(crate) fn info(&self, render: impl FnOnce() -> String) -> Bytes {
        self.info.get_or_init(|| render().into()).clone()
    }
}

/// All players of a server, sorted by name.
pub(crate) struct Players(Vec<Player>);

impl Players {
    pub(crate) fn new(count: usize) -> Self {
        let mut all: Vec<Player> = (0..count).map(|seed| Player::new(seed, name(seed))).collect();
        all.sort_by_cached_key(|player| (player.sort_name(), player.id));
        Self(all)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Player> {
        self.0.iter()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Player> {
        self.iter().find(|player| player.id == id)
    }
}

fn name(seed: usize) -> (&'static str, &'static str) {
    if seed % UNUSUAL_EVERY == 1
        && let Some(name) = UNUSUAL.get(seed / UNUSUAL_EVERY)
    {
        return *name;
    }
    // The two lengths have no common divisor, so a pair is repeated only after all others.
    let pick =
        |names: &[&'static str], factor: usize| names.get(seed * factor % names.len().max(1)).copied().unwrap_or("");
    (pick(FIRST, 17), pick(LAST, 29))
}
