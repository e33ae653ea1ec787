#pragma once
// Rows of sealed files of points and rollups for SQL, read by ourselves: of few series only the
// places where they stand are looked at, and what was learnt about files is kept. Any thread.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/duckdb/duckdb.h"
#include "data/history/history.h"

namespace mw::segments {

// Rows that may be left out; whoever wants exactly these filters again. nullopt: all.
struct RowSelection {
    std::optional<std::vector<std::string>> devices;
    std::optional<std::vector<std::string>> signals;
    history::Span span{history::time_lowest, history::time_highest};  // of the column `time`
};

class SealedFiles {
 public:
    // Keeps footers, directories of series and pages in up to `bytes_max`. `files` outlives it.
    SealedFiles(files::Files& files, std::size_t bytes_max);
    ~SealedFiles();

    // Whether the file is of our own writer, in the version that it writes now, and without texts
    // or integers that no double says. False for what
    // can't be read: whoever reads it then will say why.
    bool reads(history::Table table, const std::string& path) const;
    // Columns of points_sql(), or of rollups_sql(); `paths` are files for which reads() is true.
    // `expected` rows: for the optimizer.
    std::shared_ptr<const duckdb::TableSource> rows(history::Table table,
                                                    std::vector<std::string> paths,
                                                    RowSelection selection,
                                                    std::size_t expected) const;
    std::size_t bytes() const;  // kept now

 private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace mw::segments
