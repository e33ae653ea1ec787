#pragma once
// The reading side: lists, single resources, changes. Each call is one read transaction, so
// what it returns belongs together. Lives on the reading thread.

#include <optional>
#include <vector>

#include "data/registry/kinds.h"
#include "data/registry/tables.h"
#include "domain/selector.h"

namespace mw::registry {

inline constexpr std::size_t page_limit_max = 5'000;
inline constexpr std::size_t changes_per_call = 1'000;

class Reader {
 public:
    explicit Reader(sqlite::Database& database) : prepared_(database) {}

    Result<Resource> get(const std::string& kind, const std::string& name);
    Result<ResourcePage> list(const ListQuery& query);
    Result<std::vector<ResourceChange>> changes_since(const std::string& kind,
                                                      std::uint64_t revision);

 private:
    Prepared prepared_;
};

// The SELECT of a list with its parameters in order; pure, for tests. Terms that an index answers
// (a label, or a reference such as spec.profile) drive the query in the order of names.
struct ListStatement {
    std::string sql;
    std::vector<std::string> parameters;
};
Result<ListStatement> make_list_statement(const ListQuery& query, const std::string& after,
                                          std::size_t limit);

// Continue tokens: the revision of the first page and the last name, in hex.
std::string make_continue(std::uint64_t revision, const std::string& last);
struct ContinuePoint {
    std::uint64_t revision = 0;
    std::string last;
};
Result<ContinuePoint> parse_continue(std::string_view token);

}  // namespace mw::registry
