#pragma once
// Results as JSON, NDJSON or CSV. Doubles in the shortest form that reads back to the same bits;
// NaN and infinities are null in JSON and nan, inf, -inf in CSV; times are ISO 8601 in UTC with up
// to nine digits; integers of any size are JSON numbers. Belongs to one thread; the caller limits
// its size.

#include <string>
#include <string_view>
#include <vector>

#include "data/duckdb/duckdb.h"
#include "domain/query_engine.h"

namespace mw::query {

class ResultText {
 public:
    ResultText(ResultFormat format, const std::vector<duckdb::Column>& columns);

    void add(const duckdb::Chunk& chunk, std::size_t rows);  // the first `rows` of it
    std::string finish(bool truncated);
    std::size_t size() const { return out_.size(); }
    static std::string_view content_type(ResultFormat format);

 private:
    void row(const std::vector<duckdb::Vector>& vectors, std::size_t row);
    void csv_value(const duckdb::Vector& vector, std::size_t row);

    ResultFormat format_;
    const std::vector<duckdb::Column>& columns_;
    std::vector<std::string> keys_;  // NDJSON: "name": with quotes and colon
    std::string out_;
    bool first_row_ = true;
};

// One value as JSON, appended.
void append_json(std::string& out, const duckdb::Vector& vector, std::size_t row);
void append_json_text(std::string& out, std::string_view text);

}  // namespace mw::query
