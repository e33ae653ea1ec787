// Rules of a write that need the store: references, trees, tokens.
#include "data/registry/writer.h"

namespace mw::registry {
namespace {

constexpr int tree_depth_max = 64;
constexpr int tokens_per_user_max = 64;

}  // namespace

Result<> Writer::check_references(const Resource& resource) {
    for (const auto& reference : references(resource)) {
        TRY(auto* select, prepared_.get("SELECT 1 FROM resources WHERE kind=?1 AND name=?2"));
        TRY(const bool there, select->bind(1, reference.kind).bind(2, reference.name).step());
        select->reset();
        if (!there) return missing(reference);
        if (reference.kind == resource.kind) TRY_VOID(check_no_cycle(resource, reference));
    }
    return {};
}

Error Writer::missing(const Reference& reference) {
    std::string message = reference.path + ": there is no " + reference.kind + " '" +
                          reference.name.substr(0, 63) + "'";
    std::vector<std::string> names;
    if (auto select = prepared_.get("SELECT name FROM resources WHERE kind=?1 LIMIT 1000")) {
        (*select)->bind(1, reference.kind);
        for (auto row = (*select)->step(); row && *row; row = (*select)->step())
            names.emplace_back((*select)->text(0));
    }
    const auto near = nearest_word(reference.name, names);
    message += near.empty() ? "; create it first" : "; did you mean '" + near + "'?";
    return {Errc::invalid_input, std::move(message)};
}

// Assets below assets, devices below gateways: a tree, so the way up must end.
Result<> Writer::check_no_cycle(const Resource& resource, const Reference& parent) {
    std::string at = parent.name;
    for (int depth = 0; depth < tree_depth_max; ++depth) {
        if (at == resource.name)
            return Error{Errc::invalid_input, parent.path + ": '" + parent.name + "' is below '" +
                                                  resource.name + "' already; a tree can't loop"};
        TRY(auto* select, prepared_.get("SELECT to_name FROM refs WHERE from_kind=?1 AND"
                                        " from_name=?2 AND path=?3 AND to_kind=?1"));
        TRY(const bool row, select->bind(1, resource.kind).bind(2, at).bind(3, parent.path).step());
        if (!row) return {};
        at = std::string(select->text(0));
        select->reset();
    }
    return Error{Errc::invalid_input, parent.path + ": the tree would be deeper than 64"};
}

Result<> Writer::check_unused(const Resource& resource) {
    TRY(auto* select, prepared_.get("SELECT from_kind, from_name, path FROM refs WHERE to_kind=?1"
                                    " AND to_name=?2 LIMIT 4"));
    select->bind(1, resource.kind).bind(2, resource.name);
    std::string users;
    int count = 0;
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) break;
        if (++count > 3) {
            users += " and others";
            select->reset();
            break;
        }
        users += (count > 1 ? ", " : "") + std::string(select->text(0)) + " '" +
                 std::string(select->text(1)) + "' (" + std::string(select->text(2)) + ")";
    }
    if (count == 0) return {};
    return Error{Errc::conflict, resource.kind + " '" + resource.name + "' is used by " + users +
                                     "; delete or change those first"};
}

Result<> Writer::add_token(const Write& write, Outcome& outcome) {
    const auto& token = *write.token;
    TRY(const auto user, load_resource(prepared_, "User", token.user));
    if (!user) return Error{Errc::not_found, "there is no User '" + token.user + "'"};
    TRY(auto* expired, prepared_.get("DELETE FROM tokens WHERE user=?1 AND expires>0"
                                     " AND expires<=?2"));
    TRY_VOID(expired->bind(1, token.user).bind(2, write.now.ns).run());
    TRY(auto* insert, prepared_.get("INSERT OR REPLACE INTO tokens(hash, user, created, expires,"
                                    " purpose) VALUES(?1,?2,?3,?4,?5)"));
    TRY_VOID(insert->bind(1, ByteView(token.hash))
                 .bind(2, token.user)
                 .bind(3, token.created.ns)
                 .bind(4, token.expires.ns)
                 .bind(5, token.purpose)
                 .run());
    // A token that never expires outlives those that do, so that logins can't push it out.
    TRY(auto* oldest, prepared_.get("DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens"
                                    " WHERE user=?1 ORDER BY expires=0 DESC, created DESC"
                                    " LIMIT -1 OFFSET ?2)"));
    TRY_VOID(oldest->bind(1, token.user).bind(2, tokens_per_user_max).run());
    if (write.deed == Write::Deed::add_token) TRY_VOID(record_fact(write, *user));
    TRY(outcome.tokens, load_tokens(prepared_, token.user));
    return {};
}

Result<> Writer::revoke_tokens(const Write& write, Outcome& outcome) {
    TRY(const auto user, load(write.resource));
    TRY(auto* erase, prepared_.get("DELETE FROM tokens WHERE user=?1"));
    TRY_VOID(erase->bind(1, user.name).run());
    TRY_VOID(record_fact(write, user));
    outcome.tokens.clear();
    return {};
}

}  // namespace mw::registry
