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

struct QueryReply {
    std::string content_type;
    std::string body;  // json: {"columns":[{"name","type"}],"rows":[[...]],"truncated":false}
    std::size_t rows = 0;
    bool truncated = false;  // the row limit was hit
};

class QueryEngine {
 public:
    virtual ~QueryEngine() = default;
    // invalid_input: not parsable or not allowed (message says what and where); denied: not for
    // this actor; timed_out; overloaded.
    virtual Task<QueryReply> query(QueryRequest request) = 0;
};

}  // namespace mw
