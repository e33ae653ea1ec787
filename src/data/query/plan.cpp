#include "data/query/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/sql_text.h"
#include "data/query/quarantine_sql.h"
#include "data/query/rollup_plan.h"
#include "data/segments/segments.h"

namespace mw::query {
namespace {

using history::SegmentFile;

// With `quality` as it is for readers. Every whole number is an integer.
std::string point_list(const std::string& quality) {
    return "r.\"time\", r.device, r.signal, r.\"value\", " + quality +
           " AS quality, r.unit, r.asset, r.site, r.text, coalesce(r.whole, CASE WHEN "
           "r.\"value\" = trunc(r.\"value\") THEN TRY_CAST(r.\"value\" AS BIGINT) END) AS "
           "\"integer\"";
}
constexpr const char* decision_columns =
    "\"time\", device, asset, use_case, model, \"version\", bundle_hash, window_from, window_to, "
    "samples, inputs_quality, score, decision, fallback, latency_us";
constexpr const char* no_points =
    "SELECT NULL::TIMESTAMP_NS AS \"time\", NULL::VARCHAR AS device, NULL::VARCHAR AS signal, "
    "NULL::DOUBLE AS \"value\", NULL::UTINYINT AS quality, NULL::VARCHAR AS unit, "
    "NULL::VARCHAR AS asset, NULL::VARCHAR AS site, NULL::VARCHAR AS text, "
    "NULL::BIGINT AS \"integer\" WHERE false";
constexpr const char* no_decisions =
    "SELECT NULL::TIMESTAMP_NS AS \"time\", NULL::VARCHAR AS device, NULL::VARCHAR AS asset, "
    "NULL::VARCHAR AS use_case, NULL::VARCHAR AS model, NULL::VARCHAR AS \"version\", "
    "NULL::VARCHAR AS bundle_hash, NULL::TIMESTAMP_NS AS window_from, "
    "NULL::TIMESTAMP_NS AS window_to, NULL::INTEGER AS samples, NULL::UTINYINT AS inputs_quality, "
    "NULL::DOUBLE AS score, NULL::BOOLEAN AS decision, NULL::VARCHAR AS fallback, "
    "NULL::DOUBLE AS latency_us WHERE false";

std::string in_list(std::string_view column, const std::vector<std::string>& texts) {
    if (texts.empty()) return "false";
    std::string sql(column);
    sql += " IN (";
    for (const std::string& text : texts) {
        if (sql.back() != '(') sql += ", ";
        sql += sql_text(text);
    }
    return sql + ")";
}

std::string time_literal(Timestamp time) {
    return "make_timestamp_ns(" + std::to_string(time.ns) + ")";
}

// What a reference and its product both allow; nullopt: everything.
std::optional<std::vector<std::string>> both(const std::optional<std::vector<std::string>>& a,
                                             const std::optional<std::vector<std::string>>& b) {
    if (!a || !b) return a ? a : b;
    std::vector<std::string> out;
    for (const std::string& text : *a) {
        if (std::find(b->begin(), b->end(), text) != b->end()) out.push_back(text);
    }
    return out;
}

std::optional<std::vector<std::string>> devices_of(const Wanted& wanted) {
    return both(wanted.devices, wanted.product ? wanted.product->devices : std::nullopt);
}
std::optional<std::vector<std::string>> signals_of(const Wanted& wanted) {
    return both(wanted.signals, wanted.product ? wanted.product->signals : std::nullopt);
}

bool may_hold(const SegmentFile& file, const Wanted& wanted,
              const std::optional<std::vector<std::string>>& devices) {
    if (file.time_max < wanted.from || file.time_min > wanted.to) return false;
    if (!devices) return true;
    return std::any_of(devices->begin(), devices->end(), [&](const std::string& device) {
        return device >= file.device_first && device <= file.device_last;
    });
}

// A place that rows come from, with what is needed to see which others it may overlap.
struct Part {
    std::string path;       // of a file
    bool boxed = false;     // as the catalog says of it
    std::string head;       // "FROM __mw_rows(...)" of a head
    std::string repeats;    // the same for its rows that older parts may hold too
    std::uint64_t age = 0;  // of equal rows the one of the highest age wins: newer, in fact
    Timestamp from;
    Timestamp to;
    bool overlaps = false;
    std::uint64_t rows = 0;  // of a file
};

std::pair<Timestamp, Timestamp> span_of(const history::HeadSnapshot& head) {
    Timestamp from = history::time_highest, to = history::time_lowest;
    auto see = [&](Timestamp time) {
        from = std::min(from, time);
        to = std::max(to, time);
    };
    for (std::size_t i = 0; i < head.series(); ++i) {
        for (std::size_t p = 0; p < head.pieces(i); ++p) {
            const auto times = head.piece(i, p).times;
            if (times.empty()) continue;
            if (p < head.ordered_pieces(i)) {
                see(times.front());
                see(times.back());
            } else {
                std::for_each(times.begin(), times.end(), see);
            }
        }
    }
    return {from, to};
}

class Planner {
 public:
    Planner(const std::vector<Wanted>& wanted, const Snapshot& snapshot,
            const segments::SealedFiles* sealed)
        : wanted_(wanted), snapshot_(snapshot), sealed_(sealed) {}

    Plan plan() {
        for (const Wanted& wanted : wanted_) {
            plan_.with += plan_.with.empty() ? "WITH " : ", ";
            // NOT MATERIALIZED: the statement's own filters must reach the scans.
            plan_.with += wanted.internal + " AS NOT MATERIALIZED (" + rows_of(wanted) + ")";
        }
        if (!plan_.with.empty()) plan_.with += " ";
        return std::move(plan_);
    }

 private:
    std::string rows_of(const Wanted& wanted) {
        const std::string sql = unfiltered(wanted);
        return wanted.sight ? seen(wanted, sql, snapshot_.now) : sql;
    }

    std::string unfiltered(const Wanted& wanted) {
        switch (wanted.table) {
            case Table::points:
            case Table::product:
                return wanted.nothing() ? no_points : points(wanted);
            case Table::decisions:
                return wanted.nothing() ? no_decisions : decisions(wanted);
            case Table::series:
                return "SELECT * " +
                       from(series_rows(snapshot_.history.series, snapshot_.history.context));
            case Table::scorecard:
                return "SELECT * " + from(scorecard_rows(snapshot_.scorecard));
            case Table::labels:
                return "SELECT * " + from(label_rows(snapshot_.labels));
            case Table::rollups:
                return wanted.nothing() ? no_minutes() : rollups(wanted);
            case Table::latest:
                return "SELECT * " + from(latest_rows(snapshot_.history));
            case Table::quarantine:
                return wanted.nothing() ? no_quarantine : quarantined(wanted);
        }
        return no_points;
    }

    std::string from(Source source) {
        plan_.sources.push_back(std::move(source));
        return "FROM __mw_rows(slot := " + std::to_string(plan_.sources.size() - 1) + ")";
    }

    // Rows of files: of ours as a source that leaves out what is not wanted, of earlier writers
    // through DuckDB.
    std::string from_files(history::Table table, const std::vector<std::string>& paths,
                           const Wanted& wanted, std::uint64_t rows,
                           const std::vector<std::string>& boxed = {}) {
        const bool points = table == history::Table::points;
        std::vector<std::string> ours, others;
        for (const std::string& path : paths) {
            const bool our = sealed_ != nullptr && sealed_->reads(table, path);
            (our ? ours : others).push_back(path);
        }
        std::string sql;
        if (!ours.empty()) {
            segments::RowSelection selection{
                devices_of(wanted), signals_of(wanted), {wanted.from, wanted.to}};
            if (selection.devices) rows /= 64;  // a guess, for the order of joins
            sql = "SELECT * " + from(sealed_->rows(table, ours, std::move(selection), rows));
        }
        if (others.empty() && boxed.empty()) return sql;
        if (!sql.empty()) sql += " UNION ALL ";
        return sql + (points ? segments::points_sql(others, boxed) : segments::rollups_sql(others));
    }

    std::string select_from(const std::vector<const Part*>& parts, std::string Part::*head,
                            const Wanted& wanted) {
        std::vector<std::string> paths, boxed;
        std::uint64_t rows = 0;
        for (const Part* part : parts) {
            if (part->path.empty()) continue;
            (part->boxed ? boxed : paths).push_back(part->path);
            rows += part->rows;
        }
        std::string sql;
        if (!paths.empty() || !boxed.empty())
            sql = from_files(history::Table::points, paths, wanted, rows, boxed);
        for (const Part* part : parts) {
            if ((part->*head).empty()) continue;
            if (!sql.empty()) sql += " UNION ALL ";
            sql +=
                "SELECT series, device_id, \"time\", device, signal, \"value\", quality, unit, "
                "asset, site, text, whole " +
                part->*head;
        }
        return sql;
    }

    quarantine::Records decisions_about(const Wanted& wanted) const {
        return snapshot_.quarantine ? touching(*snapshot_.quarantine, wanted)
                                    : quarantine::Records{};
    }

    std::string points(const Wanted& wanted) {
        return points(wanted, point_list(quality_sql(decisions_about(wanted))));
    }

    // Stored points with what was decided about them; a table of its own, so that nothing that is
    // bad is out of sight.
    std::string quarantined(const Wanted& wanted) {
        auto records = decisions_about(wanted);
        const std::string rows =
            points(wanted, point_list("r.quality") + ", " + deciding_sql(records) + " AS decision");
        return quarantine_sql(rows, "SELECT * " + from(record_rows(std::move(records))));
    }

    std::string points(const Wanted& wanted, const std::string& columns) {
        const auto parts = parts_of(wanted);
        const std::string filter = filter_of(wanted);
        std::string sql;
        auto add = [&](const std::string& rows) {
            if (!sql.empty()) sql += " UNION ALL ";
            sql += rows;
        };
        for (const auto& [newer, older] : grouped(parts)) {
            std::string rows = "SELECT " + columns + " FROM (" +
                               select_from(older, &Part::head, wanted) + ") AS r";
            if (!newer.empty()) rows += anti_join(newer, older, filter, wanted);
            add(rows + (filter.empty() ? "" : " WHERE " + filter));
        }
        if (!sql.empty()) return sql;
        // Nothing is stored there; the table `quarantine` wants its column all the same.
        return wanted.table == Table::quarantine
                   ? "SELECT *, 0::UBIGINT AS decision FROM (" + std::string(no_points) + ")"
                   : no_points;
    }

    // A minute is the sum of what its parts have: as their rollups say, where no newer part has
    // rows of theirs again, else as their own rows say, without those.
    std::string rollups(const Wanted& asked) {
        Wanted wanted = asked;
        wanted.to = end_of_minute(asked.to);
        const auto parts = parts_of(wanted);
        const std::string filter = selection_of(wanted);
        std::vector<PartialMinutes> partials;
        std::uint64_t rows = 0;
        for (const auto& [newer, older] : grouped(parts)) {
            for (const Part* part : older) {
                std::string file = newer.empty() ? rollups_beside(*part) : "";
                std::string sql = file.empty() ? minutes_of(*part, newer, wanted, filter) : "";
                partials.push_back({part->from, part->to, std::move(file), std::move(sql)});
                rows += part->rows;
            }
        }
        return whole_minutes(std::move(partials), filter, [&](const auto& files) {
            return from_files(history::Table::rollups, files, wanted, rows / 8);
        });
    }

    std::string minutes_of(const Part& part, const std::vector<const Part*>& newer,
                           const Wanted& wanted, const std::string& filter) {
        std::string rows = "(" + select_from({&part}, &Part::head, wanted) + ") AS r";
        if (!newer.empty()) rows += anti_join(newer, {&part}, filter_of(wanted), wanted);
        std::string where = "true";  // the ends of time are infinities to DuckDB
        if (wanted.from > history::time_lowest)
            where += " AND r.\"time\" >= " + time_literal(wanted.from);
        if (wanted.to < history::time_highest)
            where += " AND r.\"time\" <= " + time_literal(wanted.to);
        if (!filter.empty()) where += " AND " + filter;
        return minutes_of_rows(rows, where);
    }

    std::string rollups_beside(const Part& part) const {
        if (part.path.empty()) return "";
        const std::string path = history::rollups_of(part.path);
        const auto& known = snapshot_.history.rollups;
        const bool there = std::any_of(known.begin(), known.end(),
                                       [&](const SegmentFile& file) { return file.path == path; });
        return there ? path : "";
    }

    // Aggregates keep the statement's own conditions on names away from the scans.
    static std::string selection_of(const Wanted& wanted) {
        std::string filter = filter_of(wanted);
        auto add = [&filter](const std::string& column,
                             const std::optional<std::vector<std::string>>& texts) {
            if (!texts) return;
            if (!filter.empty()) filter += " AND ";
            filter += in_list(column, *texts);
        };
        add("device", wanted.devices);
        add("signal", wanted.signals);
        return filter;
    }

    // Rows that a newer part has again are dropped from the older ones.
    std::string anti_join(const std::vector<const Part*>& newer,
                          const std::vector<const Part*>& older, const std::string& filter,
                          const Wanted& wanted) {
        Timestamp from = history::time_highest;
        Timestamp to = history::time_lowest;
        for (const Part* part : older) {
            from = std::min(from, part->from);
            to = std::max(to, part->to);
        }
        std::string sql =
            " ANTI JOIN (SELECT series AS newer_series, \"time\" AS newer_time FROM (" +
            select_from(newer, &Part::repeats, wanted) +
            ") WHERE \"time\" >= " + time_literal(from) + " AND \"time\" <= " + time_literal(to);
        if (!filter.empty()) sql += " AND " + filter;
        return sql + ") ON r.series = newer_series AND r.\"time\" = newer_time";
    }

    std::vector<Part> parts_of(const Wanted& wanted) {
        const auto devices = devices_of(wanted);
        std::vector<Part> parts;
        std::uint64_t newest = 0;
        for (const SegmentFile& file : snapshot_.history.points) {
            newest = std::max(newest, file.generation);
            if (!may_hold(file, wanted, devices)) continue;
            if (told_.insert(file.path).second)
                plan_.files.push_back({file.path, file.generation, file.rows, file.bytes});
            parts.push_back({.path = file.path,
                             .boxed = file.boxed,
                             .head = "",
                             .repeats = "",
                             .age = file.generation,
                             .from = file.time_min,
                             .to = file.time_max,
                             .overlaps = file.overlaps,
                             .rows = file.rows});
        }
        for (const auto& head : snapshot_.history.heads) {
            Part part;
            part.age = ++newest;
            part.from = history::time_lowest;
            part.to = history::time_highest;
            // Only an overlapping snapshot, and rollups, pay for looking at the head's times.
            if (snapshot_.history.overlaps || wanted.table == Table::rollups)
                std::tie(part.from, part.to) = span_of(*head);
            part.overlaps = head->overlaps();
            if (head->rows() == 0) continue;
            if (told_heads_.insert(head.get()).second) plan_.unsealed_rows += head->rows();
            const auto& context = snapshot_.history.context;
            part.head = from(head_points(head, context, HeadRows::all));
            if (part.overlaps) part.repeats = from(head_points(head, context, HeadRows::repeats));
            parts.push_back(std::move(part));
        }
        return parts;
    }

    // Parts by the set of newer parts that may repeat some of their rows.
    std::map<std::vector<const Part*>, std::vector<const Part*>> grouped(
        const std::vector<Part>& parts) const {
        std::map<std::vector<const Part*>, std::vector<const Part*>> groups;
        for (const Part& older : parts) {
            std::vector<const Part*> repeating;
            for (const Part& newer : parts) {
                if (snapshot_.history.overlaps && newer.overlaps && newer.age > older.age &&
                    newer.from <= older.to && older.from <= newer.to) {
                    repeating.push_back(&newer);
                }
            }
            groups[repeating].push_back(&older);
        }
        return groups;
    }

    // What a product leaves out; the statement has its own conditions.
    static std::string filter_of(const Wanted& wanted) {
        std::string filter;
        auto add = [&filter](const std::string& term) {
            if (!filter.empty()) filter += " AND ";
            filter += term;
        };
        if (wanted.product && wanted.product->devices) {
            add(in_list("device", *wanted.product->devices));
        }
        if (wanted.product && wanted.product->signals) {
            add(in_list("signal", *wanted.product->signals));
        }
        return filter;
    }

    std::string decisions(const Wanted& wanted) {
        std::vector<std::string> paths;
        for (const SegmentFile& file : snapshot_.history.decisions) {
            if (may_hold(file, wanted, wanted.devices)) paths.push_back(file.path);
        }
        std::string sql;
        if (!paths.empty()) {
            sql = "SELECT " + std::string(decision_columns) + " FROM (" +
                  segments::decisions_sql(paths) + ")";
        }
        for (const auto& head : snapshot_.history.heads) {
            if (head->decisions().empty()) continue;
            if (!sql.empty()) sql += " UNION ALL ";
            sql += "SELECT " + std::string(decision_columns) + " " +
                   from(head_decisions(head, snapshot_.history.context));
        }
        return sql.empty() ? no_decisions : sql;
    }

    const std::vector<Wanted>& wanted_;
    const Snapshot& snapshot_;
    const segments::SealedFiles* sealed_;
    std::set<std::string> told_;  // files and heads that the plan names already
    std::set<const void*> told_heads_;
    Plan plan_;
};

// Adds a reference's choice to the union so far; nullopt is everything and stays.
void unite(std::optional<std::vector<std::string>>& all,
           const std::optional<std::vector<std::string>>& more) {
    if (!all) return;
    if (!more) {
        all.reset();
        return;
    }
    for (const std::string& text : *more) {
        if (std::find(all->begin(), all->end(), text) == all->end()) all->push_back(text);
    }
}

}  // namespace

bool Wanted::nothing() const {
    const auto devices_left = devices_of(*this);
    const auto signals_left = signals_of(*this);
    return from > to || (devices_left && devices_left->empty()) ||
           (signals_left && signals_left->empty());
}

std::optional<history::Bounds> bounds_of(const std::vector<Wanted>& wanted) {
    history::Bounds bounds;
    bounds.points = bounds.decisions = false;
    bounds.from = history::time_highest;
    bounds.to = history::time_lowest;
    std::optional<std::vector<std::string>> devices{std::in_place};
    std::optional<std::vector<std::string>> signals{std::in_place};
    bool needed = false;
    for (const Wanted& one : wanted) {
        if (one.table == Table::scorecard || one.table == Table::labels) continue;
        needed = true;
        if (one.table == Table::series || one.nothing()) continue;
        const bool decisions = one.table == Table::decisions;
        const bool rollups = one.table == Table::rollups;
        if (one.table == Table::latest) {
            bounds.latest = true;
        } else {
            (decisions ? bounds.decisions : bounds.points) = true;
            bounds.rollups |= rollups;
            bounds.from = std::min(bounds.from, one.from);
            bounds.to = std::max(bounds.to, rollups ? end_of_minute(one.to) : one.to);
        }
        unite(devices, devices_of(one));
        unite(signals, decisions ? std::nullopt : signals_of(one));
    }
    if (!needed) return std::nullopt;
    if (!bounds.points && !bounds.decisions) {
        bounds.from = history::time_lowest;
        bounds.to = history::time_highest;
        if (!bounds.latest) return bounds;  // the series directory alone
    }
    // Empty lists mean all to history; a union is only empty when all of it is wanted.
    if (devices) bounds.devices = std::move(*devices);
    if (signals) bounds.signals = std::move(*signals);
    return bounds;
}

Plan plan_of(const std::vector<Wanted>& wanted, const Snapshot& snapshot,
             const segments::SealedFiles* sealed) {
    return Planner(wanted, snapshot, sealed).plan();
}

}  // namespace mw::query
