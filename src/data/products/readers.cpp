#include "data/products/readers.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace mw::products {
namespace {

using Signals = std::optional<std::set<std::string>>;

Signals signals_at(const Json& spec, std::string_view path) {
    const Json* list = find(spec, path);
    if (!list || !list->is_array()) return std::nullopt;
    std::set<std::string> names;
    for (const Json& name : list->get_array())
        if (name.is_string()) names.emplace(name.get_string());
    return names;
}

bool continues_a_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
}

// Whether SQL speaks of a table of this name, quoted or not.
bool speaks_of(const std::string& sql, const std::string& name) {
    for (auto at = sql.find(name); at != sql.npos; at = sql.find(name, at + 1)) {
        const auto end = at + name.size();
        const bool begins = at == 0 || !continues_a_name(sql[at - 1]);
        const bool ends = end == sql.size() || !continues_a_name(sql[end]);
        if (begins && ends) return true;
    }
    return false;
}

// The texts after "signal IN (" or "signal =", as our own verbs and most people write them; no
// value where the statement doesn't choose by signal.
Signals signals_in_sql(const std::string& sql) {
    Signals names;
    for (auto at = sql.find("signal"); at != sql.npos; at = sql.find("signal", at + 1)) {
        auto next = sql.find_first_not_of(" \"", at + 6);
        if (next == sql.npos) break;
        std::size_t end = sql.npos;
        if (sql[next] == '=') {
            end = sql.find('\'', next);
            end = end == sql.npos ? end : sql.find('\'', end + 1);
        } else if (sql.compare(next, 2, "IN") == 0 || sql.compare(next, 2, "in") == 0) {
            end = sql.find(')', next);
        }
        if (end == sql.npos) continue;
        if (!names) names.emplace();
        for (auto from = sql.find('\'', next); from != sql.npos && from < end;) {
            const auto to = sql.find('\'', from + 1);
            if (to == sql.npos) break;
            names->insert(sql.substr(from + 1, to - from - 1));
            from = sql.find('\'', to + 1);
        }
    }
    return names;
}

// Reading one thing more; no value is everything.
void join(Signals& all, const Signals& more) {
    if (!more) all.reset();
    if (all && more) all->insert(more->begin(), more->end());
}

std::optional<Signals> read_by_kpis(const Resource& use_case, const std::string& product) {
    std::optional<Signals> read;
    const Json* kpis = find(use_case.spec, "kpis");
    if (!kpis || !kpis->is_array()) return read;
    for (const Json& kpi : kpis->get_array()) {
        const auto sql = find_string(kpi, "sql").value_or("");
        if (!speaks_of(sql, product)) continue;
        auto signals = signals_in_sql(sql);
        if (read)
            join(*read, signals);
        else
            read = std::move(signals);
    }
    return read;
}

void add_consumers(const Resource& product, std::vector<Reader>& readers) {
    const Json* consumers = find(product.spec, "consumers");
    if (!consumers || !consumers->is_array()) return;
    for (const Json& consumer : consumers->get_array())
        readers.push_back({"consumer " + find_string(consumer, "name").value_or("?"),
                           signals_at(consumer, "signals")});
}

void add_datasets(const Resource& product, const Surroundings& around,
                  std::vector<Reader>& readers) {
    for (const Resource& dataset : around.datasets) {
        if (find_string(dataset.spec, "product") != product.name) continue;
        auto signals = signals_at(dataset.spec, "signals");
        if (const auto label = find_string(dataset.spec, "labels.signal"); signals && label)
            signals->insert(*label);
        readers.push_back({"Dataset " + dataset.name, std::move(signals)});
    }
}

// Model versions, and what each of their models reads.
std::map<std::string, Signals> add_models(const Resource& product, const Surroundings& around,
                                          std::vector<Reader>& readers) {
    std::map<std::string, Signals> models;
    for (const Resource& version : around.versions) {
        const auto sql = find_string(version.spec, "trained_on.sql").value_or("");
        if (find_string(version.status, "state") == "retired" || !speaks_of(sql, product.name))
            continue;
        auto signals = signals_in_sql(sql);
        const auto model = find_string(version.spec, "model").value_or("");
        if (const auto [known, is_new] = models.try_emplace(model, signals); !is_new)
            join(known->second, signals);
        readers.push_back({"ModelVersion " + version.name, std::move(signals)});
    }
    return models;
}

}  // namespace

std::vector<Reader> readers_of(const Resource& product, const Surroundings& around) {
    std::vector<Reader> readers;
    add_consumers(product, readers);
    add_datasets(product, around, readers);
    const auto models = add_models(product, around, readers);
    for (const auto* kind : {&around.rules, &around.monitors})
        for (const Resource& follower : *kind)
            if (const auto model = models.find(find_string(follower.spec, "model").value_or(""));
                model != models.end())
                readers.push_back({follower.kind + " " + follower.name, model->second});
    for (const Resource& use_case : around.use_cases) {
        const bool refers = find_string(use_case.spec, "product") == product.name;
        auto read = read_by_kpis(use_case, product.name);
        const auto model = models.find(find_string(use_case.spec, "model").value_or(""));
        if (refers && model != models.end()) {
            if (read)
                join(*read, model->second);
            else
                read = model->second;
        }
        if (refers && !read) read.emplace(std::nullopt);
        if (read) readers.push_back({"UseCase " + use_case.name, std::move(*read)});
    }
    std::ranges::sort(readers, {}, &Reader::who);
    return readers;
}

void name_broken(std::vector<Change>& changes, const std::vector<Reader>& readers) {
    for (Change& change : changes) {
        if (change.effect != Effect::breaking) continue;
        change.breaks.clear();
        for (const Reader& reader : readers) {
            const bool reads =
                change.signal.empty() || !reader.signals || reader.signals->contains(change.signal);
            if (reads) change.breaks.push_back(reader.who);
        }
    }
}

}  // namespace mw::products
