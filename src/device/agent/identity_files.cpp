#include "device/agent/identity_files.h"

#include "base/json.h"

namespace mw::agent {
namespace {

constexpr std::uint64_t pem_bytes_max = 1 << 20;
constexpr unsigned secret_mode = 0600, group_mode = 0640;

Result<std::string> read_text(files::Files& files, const std::string& path) {
    TRY(const Bytes bytes, files::read_all(files, path, pem_bytes_max));
    return std::string(bytes.begin(), bytes.end());
}

// Key and certificate belong together; between two writes of a renewal they may not.
Result<KeyAndChain> read_pair(files::Files& files, const std::string& key_path,
                              const std::string& chain_path) {
    KeyAndChain pair;
    TRY(pair.key_pem, read_text(files, key_path));
    TRY(pair.chain_pem, read_text(files, chain_path));
    TRY(auto chain, crypto::certificates_from_pem(pair.chain_pem).context(chain_path));
    TRY(const auto key, crypto::PrivateKey::from_pem(pair.key_pem).context(key_path));
    if (chain.front().spki != key.public_key().spki())
        return Error{Errc::corrupt, key_path + ": it is not the key of " + chain_path +
                                        "; put the right one back, or enroll into another folder"};
    pair.certificate = std::move(chain.front());
    return pair;
}

Result<KeyAndChain> read_stem(files::Files& files, const std::string& directory,
                              const std::string& stem) {
    const std::string path = files::join(directory, stem);
    return read_pair(files, path + ".key", path + ".pem");
}

Result<> write_text(files::Files& files, const std::string& directory, const char* name,
                    std::string_view text, unsigned permissions) {
    return files::atomic_replace(files, files::join(directory, name), bytes_of(text), permissions);
}

Result<> remove_if_there(files::Files& files, const std::string& path) {
    TRY(const auto size, files.size(path));
    return size ? files.remove(path) : Result<>{};
}

Result<> read_pairs(files::Files& files, const std::string& directory, AgentIdentity& identity) {
    auto current = read_stem(files, directory, "device");
    auto next = read_stem(files, directory, "next");
    if (!current && !next) return std::move(current).error();
    // Cut between the two writes of promote_next: the next one had worked already.
    if (!current) {
        TRY_VOID(promote_next(files, directory, *next));
        identity.current = *std::move(next);
        return {};
    }
    identity.current = *std::move(current);
    if (next && !(next->certificate == identity.current.certificate))
        identity.next = *std::move(next);
    return {};
}

}  // namespace

Result<AgentIdentity> load_identity(files::Files& files, const std::string& directory) {
    auto text = read_text(files, files::join(directory, "agent.json"));
    if (!text && text.error().code == Errc::not_found)
        return Error{Errc::not_found, "'" + directory +
                                          "' holds no enrolled device. Next step: millwright-edge "
                                          "enroll --hub URL --token T --pin HEX --name NAME"};
    if (!text) return std::move(text).error();
    TRY(const Json value, parse_json(*text).context("reading agent.json"));
    AgentIdentity identity;
    TRY(identity.device.text, want_string(value, "device"));
    TRY(identity.hub, want_string(value, "hub"));
    if (const Json* factory = find(value, "factory")) {
        identity.factory.emplace();
        TRY(identity.factory->certificate, want_string(*factory, "certificate"));
        TRY(identity.factory->key, want_string(*factory, "key"));
    }
    TRY(identity.anchors_pem, read_text(files, files::join(directory, "anchors.pem")));
    TRY_VOID(read_pairs(files, directory, identity));
    return identity;
}

Result<> save_identity(files::Files& files, const std::string& directory, const DeviceId& device,
                       const std::string& hub, const crypto::PrivateKey& key,
                       const est::Enrolled& enrolled, const std::optional<FactoryFiles>& factory) {
    TRY_VOID(files.make_directories(directory, 0750));
    TRY_VOID(write_text(files, directory, "device.key", key.to_pem(), secret_mode));
    TRY_VOID(write_text(files, directory, "device.pem", enrolled.chain_pem(), group_mode));
    TRY_VOID(write_text(files, directory, "anchors.pem", enrolled.anchors_pem(), group_mode));
    // Last: while it is missing, the gateway counts as not enrolled.
    JsonObject value{{"device", device.text}, {"hub", hub}};
    if (factory)
        value["factory"] = JsonObject{{"certificate", factory->certificate}, {"key", factory->key}};
    const std::string text = to_pretty_json(std::move(value)) + "\n";
    return write_text(files, directory, "agent.json", text, group_mode);
}

Result<crypto::PrivateKey> next_key(files::Files& files, const std::string& directory,
                                    const KeyAndChain& current) {
    const std::string path = files::join(directory, "next.key");
    if (auto text = read_text(files, path)) {
        auto key = crypto::PrivateKey::from_pem(*text);
        // What a cut left of a renewal that is done is no new key.
        if (key && key->public_key().spki() != current.certificate.spki) return key;
    }
    TRY(auto key, crypto::PrivateKey::generate(crypto::KeyKind::p256));
    TRY_VOID(write_text(files, directory, "next.key", key.to_pem(), secret_mode));
    return key;
}

Result<KeyAndChain> save_next(files::Files& files, const std::string& directory,
                              const crypto::PrivateKey& key, const est::Enrolled& enrolled) {
    KeyAndChain next{key.to_pem(), enrolled.chain_pem(), enrolled.certificate};
    TRY_VOID(write_text(files, directory, "next.key", next.key_pem, secret_mode));
    TRY_VOID(write_text(files, directory, "next.pem", next.chain_pem, group_mode));
    return next;
}

Result<> promote_next(files::Files& files, const std::string& directory, const KeyAndChain& next) {
    // In this order: until both are written, the next pair is whole.
    TRY_VOID(write_text(files, directory, "device.key", next.key_pem, secret_mode));
    TRY_VOID(write_text(files, directory, "device.pem", next.chain_pem, group_mode));
    return drop_next(files, directory);
}

Result<> drop_next(files::Files& files, const std::string& directory) {
    TRY_VOID(remove_if_there(files, files::join(directory, "next.pem")));
    return remove_if_there(files, files::join(directory, "next.key"));
}

Result<KeyAndChain> read_factory(files::Files& files, const FactoryFiles& factory) {
    return read_pair(files, factory.key, factory.certificate);
}

}  // namespace mw::agent
