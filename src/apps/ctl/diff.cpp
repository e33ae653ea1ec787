#include "apps/ctl/diff.h"

#include <algorithm>
#include <map>

namespace mw::ctl {
namespace {

void flatten(const Json& value, const std::string& path, std::map<std::string, std::string>& out) {
    if (value.is_object() && !value.get_object().empty()) {
        for (const auto& [key, part] : value.get_object())
            flatten(part, path.empty() ? std::string(key) : path + "." + std::string(key), out);
    } else if (value.is_array() && !value.get_array().empty()) {
        for (std::size_t i = 0; i < value.get_array().size(); ++i)
            flatten(value.get_array()[i], path + "[" + std::to_string(i) + "]", out);
    } else if (!(value.is_object() || value.is_array())) {
        out[path] = to_json(value);
    }
}

}  // namespace

std::vector<std::string> differences(const Json& before, const Json& after) {
    std::map<std::string, std::string> old_leaves, new_leaves;
    flatten(before, "", old_leaves);
    flatten(after, "", new_leaves);
    std::map<std::string, std::string> lines;
    for (const auto& [path, value] : old_leaves) {
        const auto found = new_leaves.find(path);
        if (found == new_leaves.end())
            lines[path] = "- " + path + ": " + value;
        else if (found->second != value)
            lines[path] = "~ " + path + ": " + value + " -> " + found->second;
    }
    for (const auto& [path, value] : new_leaves)
        if (!old_leaves.contains(path)) lines[path] = "+ " + path + ": " + value;
    std::vector<std::string> out;
    for (auto& [path, line] : lines) out.push_back(std::move(line));
    return out;
}

}  // namespace mw::ctl
