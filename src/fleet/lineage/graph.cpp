#include "fleet/lineage/graph.h"

#include <algorithm>
#include <set>

namespace mw::lineage {
namespace {

using Names = std::optional<std::vector<std::string>>;

constexpr std::size_t children_least = 10;
constexpr std::size_t share_of_limit = 8;

struct Node {
    std::string kind, name;
    const Resource* resource = nullptr;  // of a series: its device
};
struct Edge {
    Node to;
    JsonObject facts;
};
// What the way so far has narrowed it down to: the series that a dataset has, or that one came
// from.
struct Scope {
    Names devices, signals;
    bool allows(const std::string& device, const std::string& signal) const {
        return among(devices, device) && (signal == "*" || among(signals, signal));
    }
    static bool among(const Names& names, const std::string& name) {
        return !names || std::find(names->begin(), names->end(), name) != names->end();
    }
};

Names listed(const Json& spec, std::string_view key) {
    const Json* list = find(spec, key);
    if (!list || !list->is_array() || list->get_array().empty()) return std::nullopt;
    std::vector<std::string> names;
    for (const Json& name : list->get_array())
        if (name.is_string()) names.emplace_back(name.get_string());
    return names;
}

Scope scope_of(const Resource& dataset) {
    Scope scope{listed(dataset.spec, "devices"), listed(dataset.spec, "signals")};
    if (const auto label = find_string(dataset.spec, "labels.signal"); label && scope.signals)
        scope.signals->push_back(*label);
    return scope;
}

void say(JsonObject& facts, const char* key, const Json& from, std::string_view path) {
    if (const Json* value = find(from, path); value && !value->is_null()) facts[key] = *value;
}

// The dataset that a version was trained on. Older ones name it in their SQL only.
std::string dataset_of(const Resource& version) {
    if (const auto name = find_string(version.spec, "trained_on.dataset")) return *name;
    const std::string sql = find_string(version.spec, "trained_on.sql").value_or("");
    constexpr std::string_view begin = "dataset ";
    const auto end = sql.find(" (sha256 ");
    if (!sql.starts_with(begin) || end == std::string::npos) return "";
    return sql.substr(begin.size(), end - begin.size());
}

bool reads_product(const Resource& version, const std::string& product) {
    if (!dataset_of(version).empty()) return false;
    const std::string sql = find_string(version.spec, "trained_on.sql").value_or("");
    return sql.find("FROM \"" + product + "\"") != std::string::npos ||
           sql.find("FROM " + product + " ") != std::string::npos;
}

class Tracer {
 public:
    Tracer(const Resources& all, const Question& question)
        : all_(all),
          question_(question),
          products_(projection::products_of(all.plant)),
          left_(std::max<std::size_t>(1, question.limit)),
          children_max_(std::max(children_least, question.limit / share_of_limit)) {}

    Result<Json> trace() {
        const auto root = find_root();
        if (!root || !visible(*root))
            return Error{Errc::not_found,
                         "there is no " + question_.kind + " '" + question_.name + "'"};
        --left_;
        return Json(tree(*root, root_scope(*root), true));
    }

 private:
    std::optional<Node> find_root() const {
        const auto in = [&](const projection::ByName& shelf) -> std::optional<Node> {
            const auto found = shelf.find(question_.name);
            if (found == shelf.end()) return std::nullopt;
            return Node{question_.kind, question_.name, &found->second};
        };
        if (question_.kind == "Device") return in(all_.plant.devices);
        if (question_.kind == "DataProduct") return in(all_.plant.products);
        if (question_.kind == "Dataset") return in(all_.datasets);
        if (question_.kind == "ModelVersion") return in(all_.versions);
        const auto device = all_.plant.devices.find(device_of(question_.name));
        if (device == all_.plant.devices.end()) return std::nullopt;
        const auto signals = signals_of(device->second);
        const bool declared =
            std::find(signals.begin(), signals.end(), signal_of(question_.name)) != signals.end();
        if (!declared) return std::nullopt;
        return Node{"Series", question_.name, &device->second};
    }

    static std::string device_of(const std::string& series) {
        return series.substr(0, series.find(':'));
    }
    static std::string signal_of(const std::string& series) {
        const auto colon = series.find(':');
        return colon == std::string::npos ? "" : series.substr(colon + 1);
    }
    static Scope scope_of_series(const std::string& name) {
        Scope scope;
        scope.devices = std::vector<std::string>(1, device_of(name));
        scope.signals = std::vector<std::string>(1, signal_of(name));
        return scope;
    }
    Scope root_scope(const Node& root) const {
        if (root.kind == "Dataset") return scope_of(all_.datasets.at(root.name));
        if (root.kind == "Series" && question_.down) return scope_of_series(root.name);
        return {};
    }
    bool visible(const Node& node) const {
        return !question_.may_see || question_.may_see(*node.resource);
    }

    JsonObject tree(const Node& node, const Scope& scope, bool root) {
        JsonObject object{{"kind", node.kind}, {"name", node.name}};
        if (!seen_.insert(node.kind + '\0' + node.name).second) {
            object["repeated"] = true;
            return object;
        }
        // A device that runs a version, or that a series came from, ends the way.
        if (node.kind == "Device" && !root) return object;
        std::vector<Edge> edges = question_.down ? down(node, scope) : up(node, scope);
        const auto all = edges.size();
        std::erase_if(edges, [&](const Edge& edge) { return !visible(edge.to); });
        if (all > edges.size()) object["hidden"] = all - edges.size();
        JsonArray children;
        for (const Edge& edge : edges) {
            if (children.size() >= children_max_ || left_ == 0) break;
            --left_;
            JsonObject child = tree(edge.to, narrowed(scope, edge.to), false);
            if (!edge.facts.empty()) child["edge"] = edge.facts;
            children.push_back(std::move(child));
        }
        if (children.size() < edges.size()) object["more"] = edges.size() - children.size();
        if (!children.empty()) object["children"] = std::move(children);
        return object;
    }

    Scope narrowed(const Scope& scope, const Node& to) const {
        if (question_.down && to.kind == "Series") return scope_of_series(to.name);
        if (!question_.down && to.kind == "Dataset") return scope_of(all_.datasets.at(to.name));
        return scope;
    }

    std::vector<std::string> signals_of(const Resource& device) const {
        std::vector<std::string> names;
        const auto profile =
            all_.plant.profiles.find(find_string(device.spec, "profile").value_or(""));
        const Json* signals =
            profile == all_.plant.profiles.end() ? nullptr : find(profile->second.spec, "signals");
        if (signals && signals->is_array())
            for (const Json& signal : signals->get_array())
                if (auto name = find_string(signal, "name")) names.push_back(*name);
        if (names.empty()) names.emplace_back("*");  // no profile says which
        return names;
    }

    std::vector<Edge> down(const Node& node, const Scope& scope) const {
        if (node.kind == "Device") return series_of(node.name, {}, {});
        if (node.kind == "Series") return products_with(node.name);
        if (node.kind == "DataProduct") return readers(node.name, scope);
        if (node.kind == "Dataset") return trained_on(node.name);
        return runners(node.name);
    }
    std::vector<Edge> up(const Node& node, const Scope& scope) const {
        if (node.kind == "Device") return versions_on(node.name);
        if (node.kind == "ModelVersion") return sources(node.name);
        if (node.kind == "Dataset") return product_of(node.name);
        if (node.kind == "DataProduct") return members(node.name, scope);
        const auto device = all_.plant.devices.find(device_of(node.name));
        if (device == all_.plant.devices.end()) return {};
        return {{{"Device", device->first, &device->second}, {}}};
    }

    std::vector<Edge> series_of(const std::string& device, const Names& signals,
                                const Scope& scope) const {
        std::vector<Edge> edges;
        const auto found = all_.plant.devices.find(device);
        if (found == all_.plant.devices.end()) return edges;
        for (const auto& signal : signals_of(found->second))
            if ((signal == "*" || Scope::among(signals, signal)) && scope.allows(device, signal))
                edges.push_back({{"Series", device + ":" + signal, &found->second}, {}});
        return edges;
    }

    JsonObject contract_facts(const std::string& product) const {
        JsonObject facts;
        const auto found = all_.plant.products.find(product);
        if (found != all_.plant.products.end())
            say(facts, "contract", found->second.spec, "version");
        return facts;
    }

    std::vector<Edge> products_with(const std::string& series) const {
        std::vector<Edge> edges;
        for (const auto& product : *products_) {
            const Scope chosen{product.devices, product.signals};
            if (!chosen.allows(device_of(series), signal_of(series))) continue;
            const auto& resource = all_.plant.products.at(product.name);
            edges.push_back(
                {{"DataProduct", product.name, &resource}, contract_facts(product.name)});
        }
        return edges;
    }

    // Datasets and versions that were made of the product; of those only what may hold the series
    // that the way came from.
    std::vector<Edge> readers(const std::string& product, const Scope& scope) const {
        std::vector<Edge> edges;
        for (const auto& [name, dataset] : all_.datasets) {
            if (find_string(dataset.spec, "product") != product) continue;
            const Scope has = scope_of(dataset);
            const bool apart = (scope.devices && !has.allows(scope.devices->front(), "*")) ||
                               (scope.signals && scope.signals->front() != "*" &&
                                !Scope::among(has.signals, scope.signals->front()));
            if (apart) continue;
            edges.push_back({{"Dataset", name, &dataset}, dataset_facts(dataset)});
        }
        for (const auto& [name, version] : all_.versions)
            if (reads_product(version, product))
                edges.push_back({{"ModelVersion", name, &version}, {{"by", "SQL"}}});
        return edges;
    }

    static JsonObject dataset_facts(const Resource& dataset) {
        JsonObject facts;
        say(facts, "contract", dataset.status, "contract.version");
        say(facts, "contract_generation", dataset.status, "contract.generation");
        return facts;
    }

    static JsonObject training_facts(const Resource& version) {
        JsonObject facts;
        say(facts, "dataset_sha256", version.spec, "trained_on.dataset_sha256");
        say(facts, "split", version.spec, "trained_on.split");
        return facts;
    }

    std::vector<Edge> trained_on(const std::string& dataset) const {
        std::vector<Edge> edges;
        for (const auto& [name, version] : all_.versions)
            if (dataset_of(version) == dataset)
                edges.push_back({{"ModelVersion", name, &version}, training_facts(version)});
        return edges;
    }

    // How this device has the version: none when it has not.
    static std::optional<JsonObject> assignment(const Resource& device, const Resource& version) {
        const auto model = find_string(version.spec, "model").value_or("");
        const auto wanted = find_string(version.spec, "version");
        const Json* models = find(device.spec, "models");
        const Json* entry =
            models && models->is_object() ? models->get_object().if_contains(model) : nullptr;
        if (!entry) return std::nullopt;
        const bool runs = find_string(*entry, "version") == wanted;
        const bool shadow = find_string(*entry, "shadow") == wanted;
        if (!runs && !shadow) return std::nullopt;
        JsonObject facts;
        say(facts, "bundle_sha256", version.spec, "bundle");
        if (!runs) facts["shadow"] = true;
        return facts;
    }

    std::vector<Edge> runners(const std::string& name) const {
        std::vector<Edge> edges;
        const Resource& version = all_.versions.at(name);
        for (const auto& [device_name, device] : all_.plant.devices)
            if (auto facts = assignment(device, version))
                edges.push_back({{"Device", device_name, &device}, std::move(*facts)});
        return edges;
    }

    std::vector<Edge> versions_on(const std::string& name) const {
        std::vector<Edge> edges;
        const Resource& device = all_.plant.devices.at(name);
        for (const auto& [version_name, version] : all_.versions)
            if (auto facts = assignment(device, version))
                edges.push_back({{"ModelVersion", version_name, &version}, std::move(*facts)});
        return edges;
    }

    std::vector<Edge> sources(const std::string& name) const {
        const Resource& version = all_.versions.at(name);
        const auto dataset = all_.datasets.find(dataset_of(version));
        if (dataset != all_.datasets.end())
            return {{{"Dataset", dataset->first, &dataset->second}, training_facts(version)}};
        std::vector<Edge> edges;
        for (const auto& [product, resource] : all_.plant.products)
            if (reads_product(version, product))
                edges.push_back({{"DataProduct", product, &resource}, {{"by", "SQL"}}});
        return edges;
    }

    std::vector<Edge> product_of(const std::string& name) const {
        const Resource& dataset = all_.datasets.at(name);
        const auto product =
            all_.plant.products.find(find_string(dataset.spec, "product").value_or(""));
        if (product == all_.plant.products.end()) return {};
        return {{{"DataProduct", product->first, &product->second}, dataset_facts(dataset)}};
    }

    std::vector<Edge> members(const std::string& name, const Scope& scope) const {
        std::vector<Edge> edges;
        const auto product = std::find_if(products_->begin(), products_->end(),
                                          [&](const auto& one) { return one.name == name; });
        if (product == products_->end()) return edges;
        for (const auto& [device, resource] : all_.plant.devices) {
            if (!Scope::among(product->devices, device)) continue;
            for (auto& edge : series_of(device, product->signals, scope))
                edges.push_back(std::move(edge));
        }
        return edges;
    }

    const Resources& all_;
    const Question& question_;
    std::shared_ptr<const query::Products> products_;
    std::size_t left_;
    const std::size_t children_max_;
    std::set<std::string> seen_;
};

struct KindName {
    std::string_view written, kind;
};
constexpr KindName kind_names[] = {{"device", "Device"},
                                   {"devices", "Device"},
                                   {"series", "Series"},
                                   {"product", "DataProduct"},
                                   {"dataproduct", "DataProduct"},
                                   {"dataproducts", "DataProduct"},
                                   {"dataset", "Dataset"},
                                   {"datasets", "Dataset"},
                                   {"version", "ModelVersion"},
                                   {"modelversion", "ModelVersion"},
                                   {"modelversions", "ModelVersion"}};

}  // namespace

Result<std::string> kind_from(std::string_view text) {
    std::string bare;
    for (const unsigned char c : text)
        if (c != '-' && c != '_') bare += static_cast<char>(std::tolower(c));
    for (const auto& [written, kind] : kind_names)
        if (bare == written) return std::string(kind);
    return Error{Errc::invalid_input,
                 "kind: '" + std::string(text.substr(0, 60)) +
                     "' has no lineage; want device, series, product, dataset or model-version"};
}

Result<Json> trace(const Resources& all, const Question& question) {
    return Tracer(all, question).trace();
}

}  // namespace mw::lineage
