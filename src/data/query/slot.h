#pragma once
// One place where a statement can run: a DuckDB instance of its own, so that memory limits hold per
// statement, opened on first use. parse() and run() are called on workers, one at a time, in this
// order; between them the transaction stays open, so now() means the same in both.

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "data/query/plan.h"

namespace mw::query {

struct SlotOptions {
    std::string history_directory;
    std::string temporary_directory;
    unsigned threads = 1;
    std::size_t number = 0;  // names its temporary files
};

// A statement that may run, waiting for its snapshot.
struct Parsed {
    std::string sql;             // over the internal names of `wanted`
    std::string original;        // as it came, for messages
    std::vector<Wanted> wanted;  // without product and sight
    QueryParameters parameters;
};

class Slot {
 public:
    explicit Slot(SlotOptions options);
    ~Slot();

    Result<Parsed> parse(const std::string& sql, const std::vector<std::string>& products,
                         std::size_t memory_bytes, std::stop_token stop,
                         QueryParameters parameters = {});
    Result<QueryReply> run(const Parsed& parsed, Plan plan, ResultFormat format,
                           const QueryLimits& limits, std::stop_token stop);

 private:
    struct Open;
    Result<> open(std::size_t memory_bytes);
    Result<Checked> checked(const std::string& sql, const std::vector<std::string>& products,
                            const QueryParameters& parameters);
    Result<> evaluate(std::vector<Reference>& references, Parsed& parsed);
    std::vector<std::optional<Timestamp>> instants(const std::vector<Node>& expressions,
                                                   const QueryParameters& parameters);
    Result<QueryReply> text_reply(const std::string& sql, const QueryParameters& parameters,
                                  ResultFormat format, const QueryLimits& limits,
                                  std::stop_token stop);
    Result<QueryReply> parquet_reply(const std::string& sql, const QueryParameters& parameters,
                                     const QueryLimits& limits, std::stop_token stop);
    Error explained(Error error, const Parsed& parsed, std::stop_token stop);
    Result<> try_on_nothing(const Parsed& parsed, bool runs, std::stop_token stop);
    void end_statement();

    SlotOptions options_;
    std::unique_ptr<Open> open_;
};

}  // namespace mw::query
