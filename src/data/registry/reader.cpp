#include "data/registry/reader.h"

namespace mw::registry {

Result<Resource> Reader::get(const std::string& kind, const std::string& name) {
    TRY_VOID(want_kind(kind));
    TRY(auto found, load_resource(prepared_, kind, name));
    if (found) return std::move(*found);
    return Error{Errc::not_found, "there is no " + kind + " '" + name.substr(0, 63) + "'"};
}

Result<ResourcePage> Reader::list(const ListQuery& query) {
    TRY_VOID(want_kind(query.kind));
    if (query.limit == 0 || query.limit > page_limit_max)
        return Error{Errc::invalid_input, "limit: want 1 to " + std::to_string(page_limit_max)};
    ContinuePoint from;
    if (!query.continue_from.empty()) {
        TRY(from, parse_continue(query.continue_from));
    }
    // One more than asked for tells whether there is a next page.
    TRY(const auto made, make_list_statement(query, from.last, query.limit + 1));
    TRY(auto snapshot, Snapshot::begin(prepared_.database()));
    TRY(const auto counters, load_counters(prepared_));
    ResourcePage page;
    page.revision = from.revision ? from.revision : counters.revision;
    TRY(auto* select, prepared_.get(made.sql));
    int parameter = 0;
    for (const auto& text : made.parameters) select->bind(++parameter, text);
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) break;
        if (page.items.size() == query.limit) {
            page.continue_from = make_continue(page.revision, page.items.back().name);
            select->reset();
            break;
        }
        TRY(auto resource, read_resource(*select));
        page.items.push_back(std::move(resource));
    }
    return page;
}

Result<std::vector<ResourceChange>> Reader::changes_since(const std::string& kind,
                                                          std::uint64_t revision) {
    if (!kind.empty()) TRY_VOID(want_kind(kind));
    TRY(auto snapshot, Snapshot::begin(prepared_.database()));
    TRY(const auto counters, load_counters(prepared_));
    if (revision < counters.compacted || revision > counters.revision)
        return Error{Errc::conflict,
                     "changes after revision " + std::to_string(revision) + " are not kept (only " +
                         std::to_string(counters.compacted) + " to " +
                         std::to_string(counters.revision) + "): list again and watch from there"};
    const std::string where = kind.empty() ? "" : "kind=?2 AND ";
    TRY(auto* select,
        prepared_.get("SELECT what, body, was FROM changes WHERE " + where +
                      "revision>?1 ORDER BY revision LIMIT " + std::to_string(changes_per_call)));
    select->bind(1, revision);
    if (!kind.empty()) select->bind(2, kind);
    std::vector<ResourceChange> changes;
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) return changes;
        TRY(const auto json, parse_json(select->text(1)));
        TRY(auto resource, resource_from_json(json));
        TRY(auto was, read_standing(select->text(2)));
        changes.push_back({static_cast<ResourceChange::What>(select->integer(0)),
                           std::move(resource), std::move(was)});
    }
}

}  // namespace mw::registry
