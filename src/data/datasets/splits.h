#pragma once
// How the rows of a dataset are parted for training and judging: by event time, by group (device or
// asset), or by both. Pure and deterministic: the same spec, rows and groups give the same parts.

#include <map>
#include <string>
#include <vector>

#include "data/datasets/dataset_file.h"

namespace mw::datasets {

struct Splits {
    struct TimePart {
        std::string name;
        Timestamp from, to;  // [from, to)
    };
    struct GroupPart {
        std::string name;
        double share = 0;                 // of the groups; 0: they are listed
        std::vector<std::string> groups;  // listed
    };
    std::vector<std::string> names;  // in the order of the spec
    std::vector<TimePart> times;     // empty: time does not part
    std::vector<GroupPart> groups;   // empty: groups do not part
    bool by_asset = false;           // else a group is a device
    std::uint64_t seed = 1;          // draws the groups of a share
    nanoseconds window{0};           // how far back a model's window reaches
    nanoseconds gap{0};              // rows so soon after a boundary belong to no part

    bool empty() const { return names.empty(); }
};
// spec.splits; errors name the key.
Result<Splits> splits_of(const Json& spec, Timestamp from, Timestamp to);

// Device to asset; a device that stands nowhere is a group of its own.
using Assets = std::map<std::string, std::string>;
std::string group_of(const Splits& splits, const Assets& assets, const std::string& device);

// The parts that a group or time is in, one bit each; all bits where nothing parts.
using Parts = std::uint32_t;
struct Membership {
    std::map<std::string, Parts> of_group;
    Parts of_time(const Splits& splits, Timestamp time) const;
    // A row is in the first part that time and group both name.
    static std::uint8_t number(Parts parts);
};
Membership membership_of(const Content& content, const Splits& splits, const Assets& assets);

// Gives every row its part. not_found: a part without rows, named.
Result<> part_rows(Content& content, const Splits& splits, const Assets& assets);

}  // namespace mw::datasets
