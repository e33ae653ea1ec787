#include "data/datasets/evidence.h"

#include "platform/crypto/crypto.h"

namespace mw::datasets {
namespace {

// "day=2026-01-01/00000000000000000001.parquet": where it lies below the hub's folder.
std::string short_path(const std::string& path) {
    const auto name = path.rfind('/');
    if (name == std::string::npos || name == 0) return path;
    const auto day = path.rfind('/', name - 1);
    return day == std::string::npos ? path : path.substr(day + 1);
}

}  // namespace

JsonObject contract_evidence(const Resource& product) {
    const std::string spec = to_json(product.spec);
    JsonObject contract{{"product", product.name},
                        {"domain", product.domain},
                        {"generation", product.generation},
                        {"sha256", to_hex(crypto::sha256(bytes_of(spec)))}};
    for (const char* key : {"version", "status", "owner", "description", "classification",
                            "residency", "usage", "limitations"})
        if (const Json* value = find(product.spec, key)) contract[key] = *value;
    return contract;
}

JsonObject files_evidence(const QueryReply& reply) {
    JsonArray files;
    for (const auto& file : reply.files)
        if (files.size() < files_told_max)
            files.push_back(JsonObject{{"file", short_path(file.path)},
                                       {"generation", file.generation},
                                       {"rows", file.rows},
                                       {"bytes", file.bytes}});
    return {{"files", std::move(files)},
            {"files_in_all", reply.files.size()},
            {"unsealed_points", reply.unsealed_rows}};
}

}  // namespace mw::datasets
