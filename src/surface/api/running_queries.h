#pragma once
// Statements that run and can be ended by whoever asked them. Of the control loop. Limits: those of
// the engine, which lets 34 wait or run.

#include <map>
#include <string>
#include <utility>

#include "domain/query_engine.h"
#include "platform/http/http.h"

namespace mw::api {

class RunningQueries {
 public:
    // Runs it; with an id it can be ended under this id by the same actor. conflict: another of
    // theirs has the id, or it was ended.
    Task<QueryReply> run(QueryEngine& engine, QueryRequest request, std::string id);
    // Whether there was one.
    bool end(const std::string& actor, const std::string& id);
    std::size_t size() const { return running_.size(); }

 private:
    using Key = std::pair<std::string, std::string>;  // actor, id
    std::map<Key, http::StopSwitch*> running_;
};

// 1 to 64 of A-Z a-z 0-9 . _ -
Result<> check_query_id(std::string_view id);

}  // namespace mw::api
