#pragma once
// The seam to SQL over history. Called from the control loop; the work runs on the worker pool.

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "platform/loop/loop.h"

namespace mw {

enum class ResultFormat { json, ndjson, csv, parquet };

struct QueryLimits {
    nanoseconds time = seconds{30};
    std::size_t rows = 1'000'000;
    std::size_t memory_bytes = std::size_t{256} << 20;
};

// A value that is bound to $1, $2, ... and never becomes part of the text.
using QueryParameter = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string>;
using QueryParameters = std::vector<QueryParameter>;

struct QueryRequest {
    std::string sql;
    ResultFormat format = ResultFormat::json;
    QueryLimits limits;
    std::string actor;  // for whom: "user:ann"; empty: the hub itself
    QueryParameters parameters = {};
};

// A sealed file that a statement read: evidence of what an answer was made from.
struct SourceFile {
    std::string path;
    std::uint64_t generation = 0;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
};

struct QueryReply {
    std::string content_type;
    std::string body;  // json: {"columns":[{"name","type"}],"rows":[[...]],"truncated":false}
    std::size_t rows = 0;
    bool truncated = false;           // the row limit was hit
    std::vector<SourceFile> files{};  // of points, each once; the bounds may have left out more
    std::uint64_t unsealed_rows = 0;  // in memory, not in a file yet; at least those that were read
};

class QueryEngine {
 public:
    virtual ~QueryEngine() = default;
    // invalid_input: not parsable or not allowed (message says what and where); denied: not for
    // this actor; timed_out; overloaded.
    virtual Task<QueryReply> query(QueryRequest request) = 0;
};

}  // namespace mw
