#include "platform/crypto/token.h"

#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "platform/crypto/der.h"
#include "platform/crypto/token_abi.h"
#include "platform/crypto/token_uri.h"
#include "platform/crypto/verify_signature.h"
#include "platform/crypto/x509_parts.h"

namespace mw::crypto {
namespace {

constexpr std::size_t slots_max = 64;
constexpr std::size_t signature_max = 1024;
constexpr std::size_t attribute_max = 2048;

std::string code_text(abi::Code code) {
    struct Known {
        abi::Code code;
        const char* says;
    };
    constexpr Known all[] = {{abi::general_error, "general error"},
                             {abi::function_failed, "function failed"},
                             {abi::device_error, "device error"},
                             {abi::device_removed, "device removed"},
                             {abi::object_invalid, "the key is gone"},
                             {abi::pin_incorrect, "the PIN is wrong"},
                             {abi::pin_invalid, "the PIN is malformed"},
                             {abi::pin_length, "the PIN is too short or too long"},
                             {abi::pin_ended, "the PIN has to be changed"},
                             {abi::pin_locked, "the PIN is locked"},
                             {abi::session_closed, "the session was closed"},
                             {abi::session_invalid, "the session is gone"},
                             {abi::token_absent, "there is no token in the slot"},
                             {abi::not_logged_in, "not logged in"}};
    char hex[24];
    std::snprintf(hex, sizeof hex, "0x%lx", code);
    for (const auto& each : all)
        if (each.code == code) return std::string(each.says) + " (" + hex + ")";
    return std::string("code ") + hex + " of PKCS#11";
}

Error token_failed(std::string_view step, abi::Code code) {
    return {Errc::io_failed, "token: " + std::string(step) + ": " + code_text(code)};
}

bool is_about_the_pin(abi::Code code) {
    return code >= abi::pin_incorrect && code <= abi::pin_locked;
}

template <std::size_t size>
std::string_view unpadded(const abi::Byte (&text)[size]) {
    std::string_view all{reinterpret_cast<const char*>(text), size};
    return all.substr(0, all.find_last_not_of(' ') + 1);
}

bool fits(const TokenUri& uri, const abi::TokenInfo& info, abi::Number slot) {
    const auto same = [](const std::string& want, std::string_view is) {
        return want.empty() || want == is;
    };
    return (!uri.slot || *uri.slot == slot) && same(uri.token, unpadded(info.label)) &&
           same(uri.manufacturer, unpadded(info.manufacturer)) &&
           same(uri.model, unpadded(info.model)) && same(uri.serial, unpadded(info.serial));
}

}  // namespace

// The module and what is open of it. All of it under the lock: modules disagree about threads.
class Token::Session {
 public:
    Session(TokenOptions options, const Clock& clock)
        : options_(std::move(options)), clock_(clock) {}
    ~Session() { close(); }

    Result<PublicKey> look(const TokenUri& uri) {
        const std::lock_guard lock(mutex_);
        TRY_VOID(may_try());
        auto found = public_key(uri);
        if (!found) {
            close();
            found = public_key(uri);
        }
        return noted(std::move(found));
    }

    Result<Bytes> sign(const TokenUri& uri, const PublicKey& as, ByteView message) {
        const std::lock_guard lock(mutex_);
        TRY_VOID(may_try());
        auto signature = sign_once(uri, as, message);
        // Whatever it was: a module that lost its token works again only from the beginning.
        if (!signature) {
            close();
            signature = sign_once(uri, as, message);
        }
        if (signature) ++health_.signatures;
        return noted(std::move(signature));
    }

    TokenHealth health() const {
        const std::lock_guard lock(mutex_);
        return health_;
    }

 private:
    struct Found {
        abi::Number session, key;
    };

    Result<> may_try() const {
        if (clock_.steady() < try_again_) return Error{Errc::io_failed, health_.reason};
        return {};
    }

    template <class T>
    Result<T> noted(Result<T> outcome) {
        if (!outcome) {
            ++health_.failures;
            health_.reason = outcome.error().message;
            try_again_ = clock_.steady() + options_.pause;
            if (health_.reachable) log::warn("crypto.token.lost", {{"reason", health_.reason}});
        } else if (!health_.reachable) {
            log::info("crypto.token.back", {{"failures", health_.failures}});
        }
        health_.reachable = outcome.ok();
        return outcome;
    }

    Result<> load_module() {
        if (functions_) return {};
        if (options_.module.empty())
            return Error{Errc::invalid_input,
                         "token: which library speaks to it? Set authority.token_module in "
                         "hub.yaml"};
        void* library = ::dlopen(options_.module.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            const char* why = ::dlerror();
            return Error{Errc::io_failed,
                         "token: " + options_.module + ": " + (why ? why : "it can't be loaded")};
        }
        // It stays loaded: threads of its own may run.
        const auto get = reinterpret_cast<abi::GetFunctions>(::dlsym(library, "C_GetFunctionList"));
        if (!get || get(&functions_) != abi::ok || !functions_) {
            functions_ = nullptr;
            return Error{Errc::io_failed, "token: " + options_.module + " is no PKCS#11 module"};
        }
        return {};
    }

    Result<> open() {
        if (is_open_) return {};
        TRY_VOID(load_module());
        abi::InitializeArguments arguments{};
        arguments.flags = abi::threads_of_the_system;
        const auto code = functions_->initialize(&arguments);
        if (code != abi::ok && code != abi::already_initialized) return token_failed("begin", code);
        is_open_ = true;
        return {};
    }

    void close() {
        if (is_open_) functions_->finalize(nullptr);
        is_open_ = false;
        found_.clear(), sessions_.clear();
    }

    Result<abi::Number> slot_of(const TokenUri& uri) {
        abi::Number slots[slots_max], count = slots_max;
        if (const auto code = functions_->get_slot_list(1, slots, &count); code != abi::ok)
            return token_failed("list slots", code);
        std::optional<abi::Number> found;
        for (abi::Number i = 0; i < count; ++i) {
            abi::TokenInfo info{};
            if (functions_->get_token_info(slots[i], &info) != abi::ok) continue;
            if (!fits(uri, info, slots[i])) continue;
            if (found)
                return Error{Errc::invalid_input,
                             "token: two tokens fit the key's URI; name one by token= or serial="};
            found = slots[i];
        }
        if (!found)
            return Error{Errc::not_found,
                         "token: none" + (uri.token.empty() ? "" : " called '" + uri.token + "'") +
                             " is there; connect it"};
        return *found;
    }

    Result<abi::Number> session_of(const TokenUri& uri) {
        TRY(const abi::Number slot, slot_of(uri));
        if (const auto known = sessions_.find(slot); known != sessions_.end()) return known->second;
        abi::Number session = 0;
        auto code = functions_->open_session(slot, abi::serial_session, nullptr, nullptr, &session);
        if (code != abi::ok) return token_failed("open a session", code);
        TRY_VOID(login(session));
        sessions_[slot] = session;
        return session;
    }

    Result<> login(abi::Number session) {
        if (!options_.pin) return {};
        TRY(std::string pin, options_.pin().context("the token's PIN"));
        const Sha256Digest digest = sha256(bytes_of(pin));
        if (refused_ == digest)
            return Error{Errc::denied,
                         "token: it refused this PIN before; mend the file of "
                         "authority.token_pin_file before it locks itself"};
        const auto code = functions_->login(session, abi::user,
                                            reinterpret_cast<abi::Byte*>(pin.data()), pin.size());
        std::ranges::fill(pin, '\0');
        if (is_about_the_pin(code)) refused_ = digest;
        if (code != abi::ok && code != abi::already_logged_in) return token_failed("log in", code);
        return {};
    }

    Result<std::optional<abi::Number>> object(abi::Number session, const TokenUri& uri,
                                              abi::Number kind) {
        std::string label = uri.object;
        Bytes id = uri.id;
        abi::Attribute wanted[3] = {{abi::class_attribute, &kind, sizeof kind}};
        abi::Number count = 1;
        if (!label.empty()) wanted[count++] = {abi::label_attribute, label.data(), label.size()};
        if (!id.empty()) wanted[count++] = {abi::id_attribute, id.data(), id.size()};
        if (const auto code = functions_->find_init(session, wanted, count); code != abi::ok)
            return token_failed("look for the key", code);
        abi::Number objects[2], found = 0;
        const auto code = functions_->find(session, objects, 2, &found);
        functions_->find_final(session);
        if (code != abi::ok) return token_failed("look for the key", code);
        if (found == 2)
            return Error{Errc::invalid_input,
                         "token: two keys fit the URI; name one by object= and id="};
        return found == 0 ? std::optional<abi::Number>{} : std::optional{objects[0]};
    }

    Result<Found> locate(const TokenUri& uri) {
        const auto name = std::pair{uri.object + "\n" + uri.token + "\n" + uri.serial, uri.id};
        if (const auto known = found_.find(name); known != found_.end()) return known->second;
        TRY_VOID(open());
        TRY(const abi::Number session, session_of(uri));
        TRY(const auto key, object(session, uri, abi::private_class));
        if (!key)
            return Error{Errc::not_found, "token: it has no private key '" +
                                              (uri.object.empty() ? to_hex(uri.id) : uri.object) +
                                              "'"};
        return found_[name] = Found{session, *key};
    }

    Result<Bytes> attribute(const Found& of, abi::Number type) {
        Bytes value(attribute_max);
        abi::Attribute asked{type, value.data(), value.size()};
        if (const auto code = functions_->get_attributes(of.session, of.key, &asked, 1);
            code != abi::ok)
            return token_failed("read the public key", code);
        if (asked.size > value.size())
            return Error{Errc::io_failed, "token: an attribute of the public key is too long"};
        value.resize(asked.size);
        return value;
    }

    Result<PublicKey> public_key(const TokenUri& uri) {
        TRY(const Found secret, locate(uri));
        TRY(const auto other, object(secret.session, uri, abi::public_class));
        if (!other)
            return Error{Errc::not_found,
                         "token: the private key is there and its public key is not; put it there "
                         "under the same name"};
        const Found found{secret.session, *other};
        TRY(const Bytes type, attribute(found, abi::key_type_attribute));
        abi::Number kind = ~abi::Number{0};
        if (type.size() == sizeof kind)
            std::copy(type.begin(), type.end(), reinterpret_cast<abi::Byte*>(&kind));
        if (kind == abi::rsa_type) {
            TRY(const Bytes modulus, attribute(found, abi::modulus_attribute));
            TRY(const Bytes exponent, attribute(found, abi::exponent_attribute));
            return PublicKey::from_rsa(modulus, exponent);
        }
        if (kind != abi::ec_type)
            return Error{Errc::invalid_input, "token: want a key of P-256, P-384 or RSA"};
        TRY(const Bytes point, attribute(found, abi::point_attribute));
        // DER says what it is: an OCTET STRING around 04, X, Y. Some modules leave that out.
        ByteView flat{point};
        if (flat.size() > 2 && flat[0] == der::octet_string && flat[1] == flat.size() - 2)
            flat = flat.subspan(2);
        const KeyKind curve = flat.size() == 65   ? KeyKind::p256
                              : flat.size() == 97 ? KeyKind::p384
                                                  : KeyKind::other;
        if (curve == KeyKind::other)
            return Error{Errc::invalid_input, "token: want a key of P-256, P-384 or RSA"};
        const std::size_t half = (flat.size() - 1) / 2;
        return PublicKey::from_point(curve, flat.subspan(1, half), flat.subspan(1 + half));
    }

    Result<Bytes> sign_once(const TokenUri& uri, const PublicKey& as, ByteView message) {
        TRY(const Found found, locate(uri));
        const bool is_rsa = as.kind() == KeyKind::rsa;
        abi::Mechanism mechanism{is_rsa ? abi::sha256_rsa_pkcs : abi::ecdsa, nullptr, 0};
        Bytes input(message.begin(), message.end());
        if (as.kind() == KeyKind::p256) {
            const auto digest = sha256(message);
            input.assign(digest.begin(), digest.end());
        } else if (as.kind() == KeyKind::p384) {
            const auto digest = sha384(message);
            input.assign(digest.begin(), digest.end());
        }
        if (const auto code = functions_->sign_init(found.session, &mechanism, found.key);
            code != abi::ok)
            return token_failed("sign", code);
        Bytes signature(signature_max);
        abi::Number size = signature.size();
        const auto code =
            functions_->sign(found.session, input.data(), input.size(), signature.data(), &size);
        if (code != abi::ok) return token_failed("sign", code);
        signature.resize(size);
        if (!is_rsa) signature = signature_from_flat(signature);
        // The key may be another of the same name.
        if (!as.verify(message, signature))
            return Error{Errc::corrupt,
                         "token: the key in it is not the key of the certificate; name the right "
                         "one in the .uri file of DATA/pki"};
        return signature;
    }

    TokenOptions options_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    abi::Functions* functions_ = nullptr;
    bool is_open_ = false;
    std::map<abi::Number, abi::Number> sessions_;  // by slot
    std::map<std::pair<std::string, Bytes>, Found> found_;
    std::optional<Sha256Digest> refused_;  // PIN
    SteadyTime try_again_{INT64_MIN};
    TokenHealth health_;
};

class Token::KeyInside final : public KeyService {
 public:
    KeyInside(std::shared_ptr<Token> token, TokenUri uri, PublicKey as)
        : token_(std::move(token)), uri_(std::move(uri)), as_(std::move(as)) {}
    Result<Bytes> sign(ByteView message) override {
        return token_->session_->sign(uri_, as_, message);
    }

 private:
    std::shared_ptr<Token> token_;
    TokenUri uri_;
    PublicKey as_;
};

Token::Token(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Token::~Token() = default;

std::shared_ptr<Token> Token::make(TokenOptions options, const Clock& clock) {
    return std::shared_ptr<Token>(new Token(std::make_unique<Session>(std::move(options), clock)));
}

Result<PrivateKey> Token::find(std::string_view uri) {
    TRY(auto parsed, token_uri_from(uri));
    TRY(auto key, session_->look(parsed));
    return PrivateKey::elsewhere(
        key, std::make_shared<KeyInside>(shared_from_this(), std::move(parsed), key));
}

Result<PrivateKey> Token::expect(std::string_view uri, const PublicKey& of) {
    TRY(auto parsed, token_uri_from(uri));
    if (of.kind() != KeyKind::p256 && of.kind() != KeyKind::p384 && of.kind() != KeyKind::rsa)
        return Error{Errc::invalid_input, "token: want a key of P-256, P-384 or RSA"};
    return PrivateKey::elsewhere(
        of, std::make_shared<KeyInside>(shared_from_this(), std::move(parsed), of));
}

TokenHealth Token::health() const { return session_->health(); }

}  // namespace mw::crypto
