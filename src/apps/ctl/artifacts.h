#pragma once
// What models and firmware have in common on the command line: NAME:VERSION, uploads, assignment.

#include <string>
#include <vector>

#include "apps/ctl/command.h"

namespace mw::ctl {

struct VersionName {
    std::string name, version;
    std::string resource() const { return name + "--" + version; }
};
Result<VersionName> parse_version(const std::string& text);

// The answer to a query, as CSV.
Result<std::string> query_csv(Hub& hub, const std::string& sql);

// The hub's word about the stored bytes: {"sha256","size"}.
Result<Json> upload_blob(Hub& hub, std::string bytes);

// The bytes of a frozen Dataset as the hub's API gives it, hash checked. conflict: it isn't frozen.
Result<std::string> download_dataset(Hub& hub, const Json& dataset);

struct AssignArguments {
    std::string name, selector;  // "NAME:VERSION"; devices by label
    std::vector<std::string> devices;
};
void add_assign_options(CLI::App& verb, AssignArguments& arguments);
// Writes the version into spec.SECTION.NAME of each device; `plural` is where versions are.
Result<> assign(Context& context, const AssignArguments& arguments, const char* section,
                const char* plural);

}  // namespace mw::ctl
