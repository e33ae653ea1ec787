#include "business/usecases/stages.h"

#include <algorithm>
#include <map>
#include <vector>

namespace mw::usecases {
namespace {

constexpr Transition rows[] = {
    {"idea", "advance", "prototype", "its criteria hold and every sign-off is there"},
    {"idea", "retire", "retired", "given up before anything was built"},
    {"prototype", "advance", "pilot", "its criteria hold and every sign-off is there"},
    {"prototype", "return", "idea", "back to the question"},
    {"prototype", "retire", "retired", "given up: it did not work on recorded data"},
    {"pilot", "advance", "scale", "its criteria hold and every sign-off is there"},
    {"pilot", "return", "prototype", "back to the workbench"},
    {"pilot", "retire", "retired", "given up: it did not pay in operation"},
    {"scale", "return", "pilot", "back to fewer devices"},
    {"scale", "finish", "retired", "its criteria hold and every sign-off is there"},
    {"retired", "reopen", "idea", "asked again"},
};
constexpr StateTable table{"UseCase", rows};

}  // namespace

const StateTable& stage_table() { return table; }

std::string stage_of(const Resource& use_case) {
    return find_string(use_case.spec, "stage").value_or(std::string(table.initial()));
}

const Transition* step_between(std::string_view from, std::string_view to) {
    for (const auto& row : rows)
        if (row.from == from && row.to == to) return &row;
    return nullptr;
}

const Transition* first_step(std::string_view from, std::string_view to) {
    std::map<std::string_view, const Transition*> first;  // by stage reached
    std::vector<std::string_view> reached = {from};
    for (std::size_t i = 0; i < reached.size(); ++i)
        for (const auto& row : rows) {
            if (row.from != reached[i] || row.to == from || first.contains(row.to)) continue;
            first[row.to] = i == 0 ? &row : first[reached[i]];
            reached.push_back(row.to);
        }
    const auto found = first.find(to);
    return found == first.end() ? nullptr : found->second;
}

bool is_forward(const Transition& row) { return row.event == "advance" || row.event == "finish"; }

}  // namespace mw::usecases
