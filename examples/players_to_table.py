"""Query an API for many ids, and put the rows of all responses into one table.

The first request fetches the list of players. Then one request for each player, with ten in flight. `json_rows` reads
the season statistics of all responses, on all cores, into a table in Arrow's format: pandas, polars, pyarrow and duckdb
take it as it is. Here it becomes a CSV file with the standard library.

For a real API, replace the embedded server by the address of that API.
"""

import csv
from pathlib import Path

import shoal
import shoal.testing
from shoal import parallel

with shoal.testing.Server(players=200) as server, shoal.Client(base_url=server.url("/")) as client:
    found = client.get("/stats/commonallplayers").result().json()["resultSets"][0]
    players = [dict(zip(found["headers"], row, strict=True)) for row in found["rowSet"]]
    names = {player["PERSON_ID"]: player["DISPLAY_FIRST_LAST"] for player in players}
    requests = [("/stats/commonplayerinfo", {"params": {"PlayerID": number}}) for number in names]
    responses = client.gather(requests, concurrency=10, raise_for_status=True).result()
    # The API has the seasons of a player in the fourth result set.
    seasons = parallel.json_rows(responses, "/resultSets/3/rowSet").result()

columns = seasons.to_pydict()
with Path("seasons.csv").open("w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))

points, player, season = max(zip(columns["PTS"], columns["PLAYER_ID"], columns["SEASON_ID"], strict=True))
print(f"{len(responses)} players, {seasons.num_rows} seasons in seasons.csv")
print(f"the most points in a season: {points}, by {names[player]} in {season}")
