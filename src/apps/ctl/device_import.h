#pragma once
// A table of devices as CSV, read into what the hub's import takes. Pure.

#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mw::ctl {

struct DeviceRow {
    std::size_t line = 0;
    std::string name;
    Json device;      // name, domain, labels, spec; with "row"
    std::string why;  // what is wrong with the line; empty: nothing so far
};

// The first line names the columns: name; domain, profile, asset, parent; label:KEY; spec.PATH.
// Empty cells count as not given. Errors are about the header; a line's own stay with the line.
Result<std::vector<DeviceRow>> device_rows(std::string_view csv, const std::string& domain);

}  // namespace mw::ctl
