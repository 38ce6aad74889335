-- name: themes
-- title: Themes
-- description: Share of feedback items that mention a theme; people are the distinct persons behind them, negative the items whose sentence is negative (-0.05 or less).
-- owner: product
-- unit: ratio
-- better: none
-- value: ratio(items, all_items)
-- interval: wilson(items, all_items)
-- n: all_items
-- statistics: theme, items, people, negative, all_items
-- labels: theme
-- by: feedback, plan, platform, country, app_version, locale, product, source, channel, priority, survey_id
-- report: weekly
WITH totals AS (
  SELECT d.period /*by:f*/, count(*) AS all_items
  FROM feedback AS f
  JOIN days AS d ON d.dt = f.dt AND f.occurred_at >= d.starts AND f.occurred_at < d.ends
  WHERE f.dt >= :dt_from AND f.dt <= :dt_to AND NOT f.excluded_person
  GROUP BY d.period /*by:f*/
),
mentioned AS (
  SELECT d.period, m.theme_id AS theme /*by:m*/,
    count(*) AS items,
    count(DISTINCT m.person_key) AS people,
    count(*) FILTER (WHERE m.mention_sentiment <= -5e-2) AS negative
  FROM mentions AS m
  JOIN days AS d ON d.dt = m.dt AND m.occurred_at >= d.starts AND m.occurred_at < d.ends
  WHERE m.dt >= :dt_from AND m.dt <= :dt_to AND NOT m.excluded_person
  GROUP BY d.period, m.theme_id /*by:m*/
)
SELECT m.period, m.theme /*by:m*/, m.items, m.people, m.negative, t.all_items, t.all_items AS n
FROM mentioned AS m
JOIN totals AS t ON t.period = m.period /*on:t:m*/
