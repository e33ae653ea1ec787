#pragma once
// SQL of the table `rollups`: partial minutes from files of rollups and from rows of points, and
// their union with each minute once. Pure text.

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace mw::query {

// Minutes as one source has them: no row in two sources, but perhaps a minute.
struct PartialMinutes {
    Timestamp from, to;  // of the rows
    std::string file;    // of rollups; or
    std::string sql;     // with the columns of segments::rollups_sql()
};
// Rows of files of rollups, as segments::rollups_sql() gives them.
using FromRollups = std::function<std::string(const std::vector<std::string>& paths)>;

// Minutes of rows with the columns of segments::points_sql(), no row twice.
std::string minutes_of_rows(const std::string& from, const std::string& where);
// Each minute once, with the columns of the SQL table; sources that share no minute with another
// one go as they are. `where` holds for rows of files.
std::string whole_minutes(std::vector<PartialMinutes> partials, const std::string& where,
                          const FromRollups& from_rollups);
std::string no_minutes();

// The last instant of a minute that begins at or before `time`.
Timestamp end_of_minute(Timestamp time);

}  // namespace mw::query
