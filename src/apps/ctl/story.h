#pragma once
// What `describe` tells: a resource as it is, then how it came to be so, in order: the steps of its
// state machine, what people and the hub did to it, who approved, what else is about it.

#include <string>
#include <vector>

#include "apps/ctl/client.h"
#include "base/json.h"

namespace mw::ctl {

struct Moment {
    std::string at;    // ISO 8601
    std::string who;   // empty: the resource's own step
    std::string what;  // "installing -> soaking", "patch"
    std::string says;
};

struct Related {
    std::string title;  // "rollouts of this version"
    std::string plural;
    JsonArray items;
    bool more = false;
};

struct Story {
    Json resource;
    std::vector<Moment> moments;  // oldest first
    std::string gap;              // why facts are missing, if they are
    JsonArray approvals;
    Json review;  // of a UseCase: what its stage needs; null of others
    std::vector<Related> related;
};

Result<Story> story_of(Hub& hub, const std::string& plural, const std::string& name);
std::string tell(const Story& story);
Json json_of(const Story& story);

// For story_of, and testable: the steps of status.history and the facts, in order, each deed once.
std::vector<Moment> moments_of(const Json& resource, const JsonArray& facts);

}  // namespace mw::ctl
