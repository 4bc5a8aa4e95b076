//! The players behind `/stats/…`: invented, the same in every run.

use std::collections::HashMap;
use std::sync::OnceLock;

use bytes::Bytes;

use super::names::{AWKWARD, FIRST, LAST, TEAMS, Team};

/// Every so many players one has an awkward name, as long as there are any.
const AWKWARD_EVERY: usize = 8;
/// The season that is being played.
pub(super) const THIS_YEAR: u32 = 2016;

/// One player.
pub(super) struct Player {
    pub(super) id: u64,
    /// Different for each player, from 0: all other facts follow from it.
    pub(super) seed: usize,
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) from_year: u32,
    pub(super) to_year: u32,
    info: OnceLock<Bytes>,
}

impl Player {
    fn new(seed: usize, (first, last): (&'static str, &'static str)) -> Self {
        let years = (seed * 7 % 16) as u32;
        // One in eleven has left.
        let to_year = if seed % 11 == 5 { THIS_YEAR - 1 } else { THIS_YEAR };
        // Rises always, but with gaps: ids are no positions.
        let id = 200_700 + seed as u64 * 13 + (seed * seed % 7) as u64;
        Self { id, seed, first, last, from_year: THIS_YEAR - 1 - years, to_year, info: OnceLock::new() }
    }

    /// Whether the player is in a team this season.
    pub(super) fn active(&self) -> bool {
        self.to_year == THIS_YEAR
    }

    /// The team of this season.
    pub(super) fn team(&self) -> Option<(u64, &'static Team)> {
        let index = self.seed * 5 % TEAMS.len().max(1);
        TEAMS.get(index).filter(|_| self.active()).map(|team| (1_610_612_737 + index as u64, team))
    }

    /// `First Last`.
    pub(super) fn full_name(&self) -> String {
        if self.first.is_empty() { self.last.to_owned() } else { format!("{} {}", self.first, self.last) }
    }

    /// `Last, First`; a name of one word stays as it is.
    pub(super) fn sort_name(&self) -> String {
        if self.first.is_empty() { self.last.to_owned() } else { format!("{}, {}", self.last, self.first) }
    }

    /// The document about this player, made by `render` the first time.
    pub(super) fn info(&self, render: impl FnOnce() -> String) -> Bytes {
        self.info.get_or_init(|| render().into()).clone()
    }
}

/// All players of a server, by name, and found by id.
pub(super) struct Players {
    all: Vec<Player>,
    positions: HashMap<u64, usize>,
}

impl Players {
    /// As many players as wanted.
    pub(super) fn new(count: usize) -> Self {
        let mut all: Vec<Player> = (0..count).map(|seed| Player::new(seed, name(seed))).collect();
        all.sort_by_cached_key(|player| (player.sort_name(), player.id));
        let positions = all.iter().enumerate().map(|(position, player)| (player.id, position)).collect();
        Self { all, positions }
    }

    /// All of them, sorted by last name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Player> {
        self.all.iter()
    }

    /// The player of an id.
    pub(super) fn get(&self, id: u64) -> Option<&Player> {
        self.positions.get(&id).and_then(|position| self.all.get(*position))
    }
}

fn name(seed: usize) -> (&'static str, &'static str) {
    if seed % AWKWARD_EVERY == 1
        && let Some(awkward) = AWKWARD.get(seed / AWKWARD_EVERY)
    {
        return *awkward;
    }
    // The two lengths have no common divisor, so a pair comes back only after all others.
    let pick =
        |names: &[&'static str], factor: usize| names.get(seed * factor % names.len().max(1)).copied().unwrap_or("");
    (pick(FIRST, 17), pick(LAST, 29))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::Players;

    #[test]
    fn ids_differ_and_some_names_do_not() {
        let players = Players::new(500);
        let ids: HashSet<u64> = players.iter().map(|player| player.id).collect();
        let names: HashSet<String> = players.iter().map(super::Player::full_name).collect();
        assert_eq!(ids.len(), 500);
        assert!((490..500).contains(&names.len()), "{}", names.len());
        assert!(names.contains("D'Angelo Marlowe") && names.contains("Nikola Jokićević") && names.contains("Yao"));
        assert!(players.iter().all(|player| players.get(player.id).unwrap().id == player.id));
        assert!(players.get(1).is_none());
        assert!(players.iter().filter(|player| player.active()).count() > 400);
    }

    #[test]
    fn any_number_of_players_will_do() {
        for count in [0, 1, 3, 10_000] {
            let players = Players::new(count);
            let ids: HashSet<u64> = players.iter().map(|player| player.id).collect();
            assert_eq!(ids.len(), count);
        }
    }
}
