#pragma once
// For this module's tests, fuzz entries and benchmarks: an authority with everything in memory, and
// the openssl program as an independent opinion.

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "platform/crypto/crypto.h"

namespace mw::crypto::samples {

inline constexpr Timestamp now{1'790'000'000'000'000'000};
inline constexpr nanoseconds day = hours{24};

struct Authority {
    SeededRandom random{1};
    PrivateKey root_key = *PrivateKey::generate(KeyKind::p256);
    PrivateKey issuing_key = *PrivateKey::generate(KeyKind::p256);
    Certificate root = *self_sign(order(Profile::root_ca, "Test root", 3650), root_key, random);
    Certificate issuing = *issue(order(Profile::issuing_ca, "Test issuing", 1825),
                                 issuing_key.public_key().spki(), {root, root_key}, random);

    static CertificateOrder order(Profile profile, std::string name, int days) {
        return {profile, std::move(name), {}, now - day, now + days * day};
    }
    Certificate device(const std::string& name, const PrivateKey& key, int days = 90) {
        auto wanted = order(Profile::device, name, days);
        wanted.names.uris = {"urn:millwright:device:" + name};
        return *issue(wanted, key.public_key().spki(), {issuing, issuing_key}, random);
    }
};

// A folder of its own that goes when the test ends.
class Folder {
 public:
    Folder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "mw-crypto-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string write(const std::string& name, std::string_view content) const {
        std::ofstream{path_ + "/" + name, std::ios::binary} << content;
        return path_ + "/" + name;
    }
    const std::string& path() const { return path_; }
    std::string read(const std::string& name) const {
        std::ostringstream text;
        text << std::ifstream{path_ + "/" + name, std::ios::binary}.rdbuf();
        return text.str();
    }
    // Runs a shell command in the folder: its output (both streams), and "exit N" unless 0.
    std::string run(const std::string& command) const {
        std::string full = "cd " + path_ + " && ( " + command + " ) 2>&1";
        std::FILE* pipe = ::popen(full.c_str(), "r");
        if (!pipe) return "could not start";
        std::string output;
        char part[4096];
        while (auto size = std::fread(part, 1, sizeof part, pipe)) output.append(part, size);
        int status = ::pclose(pipe);
        if (status != 0) output += "exit " + std::to_string(status);
        return output;
    }

 private:
    std::string path_;
};

}  // namespace mw::crypto::samples
