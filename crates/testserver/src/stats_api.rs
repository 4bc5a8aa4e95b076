//! `/stats/…`: documents of a league's statistics service, with `resource`, `parameters`, and `resultSets` of `name`,
//! `headers` and `rowSet`.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::answer::{Answer, Body, Reply};
use crate::context::Context;
use crate::json::push_string;
use crate::names::{COUNTRIES, SCHOOLS, Team};
use crate::players::{Player, THIS_YEAR};

const ALL_HEADERS: &str = "[\"PERSON_ID\",\"DISPLAY_LAST_COMMA_FIRST\",\"DISPLAY_FIRST_LAST\",\"ROSTERSTATUS\",\
    \"FROM_YEAR\",\"TO_YEAR\",\"PLAYERCODE\",\"TEAM_ID\",\"TEAM_CITY\",\"TEAM_NAME\",\"TEAM_ABBREVIATION\",\
    \"TEAM_CODE\",\"GAMES_PLAYED_FLAG\"]";

const INFO_HEADERS: &str = "[\"PERSON_ID\",\"FIRST_NAME\",\"LAST_NAME\",\"DISPLAY_FIRST_LAST\",\
    \"DISPLAY_LAST_COMMA_FIRST\",\"DISPLAY_FI_LAST\",\"BIRTHDATE\",\"SCHOOL\",\"COUNTRY\",\"LAST_AFFILIATION\",\
    \"HEIGHT\",\"WEIGHT\",\"SEASON_EXP\",\"JERSEY\",\"POSITION\",\"ROSTERSTATUS\",\"TEAM_ID\",\"TEAM_NAME\",\
    \"TEAM_ABBREVIATION\",\"TEAM_CODE\",\"TEAM_CITY\",\"PLAYERCODE\",\"FROM_YEAR\",\"TO_YEAR\",\"DLEAGUE_FLAG\",\
    \"GAMES_PLAYED_FLAG\"]";

const SEASON_HEADERS: &str = "[\"PLAYER_ID\",\"SEASON_ID\",\"LEAGUE_ID\",\"TEAM_ABBREVIATION\",\"PLAYER_AGE\",\
    \"GP\",\"GS\",\"MIN\",\"FGM\",\"FGA\",\"FG_PCT\",\"FG3M\",\"FG3A\",\"FG3_PCT\",\"FTM\",\"FTA\",\"FT_PCT\",\
    \"OREB\",\"DREB\",\"REB\",\"AST\",\"STL\",\"BLK\",\"TOV\",\"PF\",\"PTS\"]";

const NO_TEAM: Team = ("", "", "", "");

const POSITIONS: [&str; 5] = ["Guard", "Forward", "Center", "Guard-Forward", "Forward-Center"];

/// All players, or with `IsOnlyCurrentSeason=1` those in a team.
pub(crate) fn all_players(context: &Context<'_>) -> Result<Answer, String> {
    let current = context.head.number("IsOnlyCurrentSeason", 0)?;
    let mut out = String::with_capacity(128 * 1024);
    out.push_str("{\"resource\":\"commonallplayers\",\"parameters\":{\"LeagueID\":");
    push_string(&mut out, context.head.param("LeagueID").as_deref().unwrap_or("00"));
    out.push_str(",\"Season\":");
    push_string(&mut out, context.head.param("Season").as_deref().unwrap_or("2016-17"));
    let _ = write!(out, ",\"IsOnlyCurrentSeason\":{current}}},");
    let _ = write!(out, "\"resultSets\":[{{\"name\":\"CommonAllPlayers\",\"headers\":{ALL_HEADERS},\"rowSet\":[");
    let wanted = context.shared.players().iter().filter(|player| current == 0 || player.active());
    for (index, player) in wanted.enumerate() {
        out.push_str(if index == 0 { "[" } else { ",[" });
        let _ = write!(out, "{},", player.id);
        push_texts(&mut out, &[&player.sort_name(), &player.full_name()]);
        let _ = write!(out, ",{},\"{}\",\"{}\",", u8::from(player.active()), player.from_year, player.to_year);
        push_string(&mut out, &code(player));
        let (team, (city, name, short, code)) = player.team().unwrap_or((0, &NO_TEAM));
        let _ = write!(out, ",{team},");
        push_texts(&mut out, &[city, name, short, code]);
        out.push_str(",\"Y\"]");
    }
    out.push_str("]}]}");
    Ok(delayed(context, Reply::json(out)))
}

/// One player: personal data, this season's figures, and all seasons.
pub(crate) fn player_info(context: &Context<'_>) -> Result<Answer, String> {
    let Some(text) = context.head.param("PlayerID") else {
        return Ok(delayed(context, Reply::error(400, "the parameter PlayerID is missing")));
    };
    let Ok(id) = text.parse::<u64>() else {
        return Ok(delayed(context, Reply::error(400, "the parameter PlayerID must be a number")));
    };
    let Some(player) = context.shared.players().get(id) else {
        return Ok(delayed(context, Reply::error(404, &format!("there is no player {id}"))));
    };
    let body: Bytes = player.info(|| info(player));
    Ok(delayed(context, Reply::ok("application/json", Body::Parts(Vec::new(), body))))
}

fn delayed(context: &Context<'_>, reply: Reply) -> Answer {
    if context.shared.latency.is_zero() { reply.into() } else { Answer::Delayed(context.shared.latency, reply) }
}

fn info(player: &Player) -> String {
    let mut out = String::with_capacity(8 * 1024);
    let id = player.id;
    let _ = write!(
        out,
        "{{\"resource\":\"commonplayerinfo\",\"parameters\":[{{\"PlayerID\":{id}}},{{\"LeagueID\":null}}],\
         \"resultSets\":[{{\"name\":\"CommonPlayerInfo\",\"headers\":{INFO_HEADERS},\"rowSet\":["
    );
    push_personal_data(&mut out, player);
    out.push_str(
        "]},{\"name\":\"PlayerHeadlineStats\",\"headers\":[\"PLAYER_ID\",\"PLAYER_NAME\",\"TimeFrame\",\"PTS\",\
         \"AST\",\"REB\",\"PIE\"],\"rowSet\":[[",
    );
    let _ = write!(out, "{id},");
    push_string(&mut out, &player.full_name());
    let seed = player.seed;
    let tenths = |factor: usize, range: usize| (seed * factor % range) as f64 / 10.0;
    let _ = write!(out, ",\"2016-17\",{:.1},{:.1},{:.1},", tenths(37, 310), tenths(23, 110), tenths(41, 130));
    let _ = write!(out, "{:.3}", (seed * 19 % 220) as f64 / 1000.0);
    out.push_str("]]},{\"name\":\"AvailableSeasons\",\"headers\":[\"SEASON_ID\"],\"rowSet\":[");
    for (index, year) in (player.from_year..=player.to_year).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Pre-season, season and post-season.
        let _ = write!(out, "{comma}[\"1{year}\"],[\"2{year}\"],[\"4{year}\"]");
    }
    let _ = write!(out, "]}},{{\"name\":\"SeasonTotals\",\"headers\":{SEASON_HEADERS},\"rowSet\":[");
    let team = player.team().map_or("TOT", |(_, team)| team.2);
    // Two rows a season, for the team and in total, and at least eight seasons, so that no document is short.
    let seasons =
        (player.from_year.min(player.to_year - 7)..=player.to_year).flat_map(|year| [(year, team), (year, "TOT")]);
    for (index, (year, team)) in seasons.enumerate() {
        out.push_str(if index == 0 { "[" } else { ",[" });
        let _ = write!(out, "{id},\"{year}-{:02}\",\"00\",\"{team}\",{}", (year + 1) % 100, age(player, year));
        push_figures(&mut out, seed * 101 + index * 57);
        out.push(']');
    }
    out.push_str("]}]}");
    out
}

fn push_personal_data(out: &mut String, player: &Player) {
    let seed = player.seed;
    let school = seed * 3 % SCHOOLS.len().max(1);
    let (school, country) = (SCHOOLS.get(school).unwrap_or(&""), COUNTRIES.get(school).unwrap_or(&"USA"));
    let initial = player.first.chars().next().map_or_else(String::new, |letter| format!("{letter}. "));
    let _ = write!(out, "[{},", player.id);
    let birthdate =
        format!("{}-{:02}-{:02}T00:00:00", THIS_YEAR - age(player, THIS_YEAR), seed % 12 + 1, seed * 5 % 28 + 1);
    let last_affiliation = format!("{school}/{country}");
    let height = format!("{}-{}", 5 + (seed * 7 % 20 + 10) / 12, (seed * 7 % 20 + 10) % 12);
    let (sorted, full) = (player.sort_name(), player.full_name());
    let short = format!("{initial}{}", player.last);
    let texts =
        [player.first, player.last, &full, &sorted, &short, &birthdate, school, country, &last_affiliation, &height];
    push_texts(out, &texts);
    let experience = player.to_year - player.from_year;
    let position = POSITIONS.get(seed % POSITIONS.len()).unwrap_or(&"Guard");
    let _ = write!(out, ",\"{}\",{experience},\"{}\",\"{position}\"", 165 + seed * 11 % 115, seed * 13 % 56);
    let _ = write!(out, ",\"{}\"", if player.active() { "Active" } else { "Inactive" });
    let (team, (city, name, abbreviation, team_code)) = player.team().unwrap_or((0, &NO_TEAM));
    let _ = write!(out, ",{team},");
    push_texts(out, &[name, abbreviation, team_code, city]);
    out.push(',');
    push_string(out, &code(player));
    let _ = write!(out, ",{},{},\"N\",\"Y\"]", player.from_year, player.to_year);
}

fn age(player: &Player, year: u32) -> u32 {
    year + 19 + player.seed as u32 % 4 - player.from_year.min(player.to_year - 7)
}

/// The figures of a season, from games played to points.
fn push_figures(out: &mut String, seed: usize) {
    let games = 20 + seed % 63;
    let made = games * (1 + seed % 9);
    let tried = made * 2 + seed % 50;
    let (threes, threes_tried) = (made / 4, made / 2 + 3);
    let (free, free_tried) = (games * 2, games * 2 + seed % 40);
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let (offensive, defensive) = (games + seed % 30, games * 3 + seed % 70);
    let _ = write!(out, ",{games},{},{}", games / 2, games * 24 + seed % 100);
    let _ = write!(out, ",{made},{tried},{:.3},{threes},{threes_tried}", share(made, tried));
    let _ = write!(out, ",{:.3},{free},{free_tried},{:.3}", share(threes, threes_tried), share(free, free_tried));
    let _ = write!(out, ",{offensive},{defensive},{},{}", offensive + defensive, games * 2 + seed % 90);
    let _ = write!(out, ",{},{},{},{},{}", games / 2, games / 3, games, games * 2, made * 2 + threes + free);
}

fn push_texts(out: &mut String, texts: &[&str]) {
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(out, text);
    }
}

/// `first_last` in lower case, without spaces and punctuation; not unique.
fn code(player: &Player) -> String {
    let plain = |name: &str| -> String {
        name.chars().flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric()).collect()
    };
    if player.first.is_empty() {
        return plain(player.last);
    }
    format!("{}_{}", plain(player.first), plain(player.last))
}
