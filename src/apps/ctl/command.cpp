#include "apps/ctl/command.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "apps/ctl/oidc_login.h"
#include "data/registry/registry.h"

namespace mw::ctl {
namespace {

// "UseCase", "use-cases", "use_case", "usecase" are one word.
std::string bare(std::string_view text) {
    std::string word;
    for (const unsigned char c : text)
        if (c != '-' && c != '_') word += char(std::tolower(c));
    return word;
}

bool is_called(const registry::Kind& kind, std::string_view text) {
    const auto word = bare(text);
    return word == bare(kind.name) || word == bare(kind.plural);
}

}  // namespace

int exit_code_of(Errc code) {
    switch (code) {
        case Errc::invalid_input:
            return 2;
        case Errc::not_found:
            return 3;
        case Errc::denied:
            return 4;
        case Errc::conflict:
            return 5;
        default:
            return 1;
    }
}

Result<Output> Context::output() const {
    if (output_text == "table") return Output::table;
    if (output_text == "wide") return Output::wide;
    if (output_text == "json") return Output::json;
    if (output_text == "yaml") return Output::yaml;
    if (output_text == "csv") return Output::csv;
    if (output_text == "ndjson") return Output::ndjson;
    if (output_text == "parquet") return Output::parquet;
    return Error{Errc::invalid_input, "unknown output '" + output_text + "'"};
}

Result<Hub*> Context::hub() {
    if (!hub_) {
        auto login = data_directory.empty() ? fresh_login(login_path())
                                            : login_of_data_directory(data_directory);
        if (!login) return std::move(login).error();
        Hub::Renewal renewal;
        if (login->provider)
            renewal = [](const std::string& refused) -> Result<std::string> {
                TRY(auto renewed, fresh_login(login_path(), refused));
                return std::move(renewed.token);
            };
        TRY(hub_, Hub::open(std::move(*login), std::move(renewal)));
    }
    return hub_.get();
}

void Context::run(const std::function<Result<>()>& verb) {
    const auto outcome = verb();
    if (outcome) return;
    std::fflush(stdout);
    std::cerr << "millwright: " << outcome.error().message << '\n';
    exit_code_ = exit_code_of(outcome.error().code);
}

void add_output_option(CLI::App& verb, Context& context, const std::string& allowed) {
    verb.add_option("-o,--output", context.output_text, "output: " + allowed);
}

Result<std::string> plural_of(std::string_view text) {
    std::vector<std::string> known;
    std::string all;
    for (const auto& kind : registry::kinds()) {
        if (is_called(kind, text)) return kind.plural;
        known.push_back(kind.plural);
        all += (all.empty() ? "" : ", ") + kind.plural;
    }
    const auto near = nearest_word(text, known);
    return Error{Errc::invalid_input,
                 "there is no kind '" + std::string(text) + "'" +
                     (near.empty() ? "; there are " + all : "; did you mean '" + near + "'?")};
}

Result<std::string> plural_of_kind(std::string_view kind) { return plural_of(kind); }

Result<std::string> read_file(const std::string& path) {
    if (path == "-") {
        std::ostringstream text;
        text << std::cin.rdbuf();
        return std::move(text).str();
    }
    std::ifstream in(path, std::ios::binary);
    if (!in) return Error{Errc::not_found, "cannot read '" + path + "'"};
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

Result<> write_file(const std::string& path, std::string_view content) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.close();
    if (!out) return Error{Errc::io_failed, "cannot write '" + path + "'"};
    return {};
}

Result<JsonArray> list_all(Hub& hub, const std::string& plural, const std::string& selector,
                           const std::string& fields) {
    JsonArray all;
    std::string next;
    do {
        std::vector<std::pair<std::string, std::string>> query = {{"limit", "500"}};
        if (!selector.empty()) query.emplace_back("labelSelector", selector);
        if (!fields.empty()) query.emplace_back("fieldSelector", fields);
        if (!next.empty()) query.emplace_back("continue", next);
        TRY(const Json page, hub.get("/v1/" + plural, std::move(query)));
        const Json* items = find(page, "items");
        if (!items || !items->is_array())
            return Error{Errc::io_failed, "the hub's list has no items"};
        for (const Json& item : items->get_array()) all.push_back(item);
        next = find_string(page, "continue").value_or("");
    } while (!next.empty());
    return all;
}

Result<> wait_for_change(Hub& hub, const std::string& plural, const std::string& name,
                         const Json& known) {
    const auto once = [](const http::ServerEvent&) { return false; };
    return hub.follow("/v1/" + plural,
                      {{"watch", "1"},
                       {"from", find_string(known, "revision").value_or("")},
                       {"fieldSelector", "name=" + name}},
                      once);
}

void print_json_or_yaml(const Json& value, Output output) {
    std::cout << (output == Output::yaml ? to_yaml(value) : to_pretty_json(value) + "\n");
}

}  // namespace mw::ctl
