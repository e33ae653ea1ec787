#include "apps/hub/ca_command.h"

#include "apps/hub/token_wiring.h"
#include "trust/identity/identity.h"

namespace mw::hub {
namespace {

constexpr std::size_t ca_file_max = 1 << 20;

// All that a verb needs; nothing of it outlives the verb.
struct Table {
    files::RealFiles files;
    RealClock clock;
    SystemRandom random;
    identity::AuthorityOptions options;
};

Result<> lay(Table& table, const CaOrder& order) {
    HubOptions hub;
    hub.directory = order.directory;
    TRY_VOID(read_config(hub));
    table.options.directory = files::join(order.directory, "pki");
    table.options.organisation = order.organisation;
    table.options.server_names = hub.names;
    table.options.server_addresses = hub.addresses;
    table.options.token = token_of(hub, table.files, table.clock);
    TRY_VOID(declare_issuers(hub, table.options));
    return {};
}

Result<std::string> text_in(files::Files& files, const std::string& path) {
    if (path.empty()) return std::string();
    TRY(const Bytes bytes, files::read_all(files, path, ca_file_max));
    return std::string(text_of(bytes));
}

Result<Json> place_of_key(Table& table, const std::string& stem) {
    const std::string at = files::join(table.options.directory, stem);
    TRY(const auto uri, table.files.size(at + ".uri"));
    if (uri) {
        TRY(const auto text, text_in(table.files, at + ".uri"));
        return Json(std::string(text.substr(0, text.find('\n'))));
    }
    TRY(const auto key, table.files.size(at + ".key"));
    return Json(key ? at + ".key" : std::string("not here"));
}

Json told_of(const crypto::Certificate& certificate, const std::string& as, std::string purposes,
             Json key) {
    return JsonObject{{"authority", as},
                      {"name", certificate.subject_cn},
                      {"serial", certificate.serial},
                      {"ends", to_iso8601(certificate.not_after)},
                      {"kind", crypto::to_string(certificate.key_kind)},
                      {"for", std::move(purposes)},
                      {"key", std::move(key)}};
}

// The certificates of one file, and where the key of each is.
Result<> tell_file(Table& table, const std::string& stem, const std::string& as,
                   const std::string& purposes, JsonArray& items,
                   const std::string& pairs_at = {}) {
    const std::string path = files::join(table.options.directory, stem + ".pem");
    TRY(const auto size, table.files.size(path));
    if (!size) return {};
    TRY(const auto pem, text_in(table.files, path));
    TRY(const auto all, crypto::certificates_from_pem(pem).context(path));
    for (const auto& each : all) {
        TRY(auto key, place_of_key(table, pairs_at.empty() ? stem : pairs_at + "-" + each.serial));
        items.push_back(told_of(each, as, purposes, std::move(key)));
    }
    return {};
}

Result<Json> told_of_all(Table& table) {
    JsonArray items;
    TRY_VOID(tell_file(table, "root", "root", "", items));
    for (const auto& line : identity::all_issuers(table.options)) {
        const bool is_default = line.name.empty();
        const std::string stem = is_default ? "issuing" : "authority-" + line.name;
        const std::string former = is_default ? "former" : "former-" + line.name;
        const std::string purposes = line.purposes.text();
        TRY_VOID(tell_file(table, stem, is_default ? "issuing" : line.name, purposes, items));
        TRY_VOID(tell_file(table, former, former, purposes, items, stem));
    }
    return Json(JsonObject{{"items", std::move(items)}});
}

}  // namespace

Result<Json> ca_init(const CaOrder& order) {
    Table table;
    TRY_VOID(table.files.make_directories(order.directory, 0750));
    TRY_VOID(lay(table, order));
    const identity::NewAuthorities wanted{order.offline_root, order.root_uri, order.issuing_uri};
    TRY(const auto made,
        identity::make_authorities(table.files, table.clock, table.random, table.options, wanted));
    return told_of_all(table);
}

Result<Json> ca_show(const CaOrder& order) {
    Table table;
    TRY_VOID(lay(table, order));
    TRY(auto told, told_of_all(table));
    if (told.at("items").get_array().empty())
        return Error{Errc::not_found, table.options.directory +
                                          " has no authorities yet: millwright ca init, or start "
                                          "the hub"};
    return told;
}

Result<std::string> ca_request(const CaOrder& order) {
    Table table;
    TRY_VOID(table.files.make_directories(order.directory, 0750));
    TRY_VOID(lay(table, order));
    return identity::request_issuing(table.files, table.random, table.options, order.issuing_uri,
                                     order.authority);
}

Result<std::string> ca_sign(const CaOrder& order) {
    Table table;
    HubOptions tokens;
    tokens.directory = order.root_folder;
    tokens.token_module = order.token_module, tokens.token_pin_file = order.token_pin_file;
    TRY(const auto request, text_in(table.files, order.request));
    if (order.days < 1) return Error{Errc::invalid_input, "--days: want 1 or more"};
    TRY(const auto certificate,
        identity::sign_issuing(table.files, table.clock, table.random, order.root_folder, request,
                               hours{24} * order.days, token_of(tokens, table.files, table.clock)));
    return crypto::to_pem(certificate);
}

Result<Json> ca_install(const CaOrder& order) {
    Table table;
    TRY_VOID(table.files.make_directories(order.directory, 0750));
    TRY_VOID(lay(table, order));
    identity::SignedIssuing by;
    TRY(by.certificate, text_in(table.files, order.certificate));
    TRY(by.root, text_in(table.files, order.root));
    by.key = order.issuing_uri, by.name = order.authority;
    if (!order.key.empty()) {
        TRY(by.key, text_in(table.files, order.key));
    }
    TRY_VOID(identity::install_issuing(table.files, table.clock, table.options, by));
    return told_of_all(table);
}

}  // namespace mw::hub
