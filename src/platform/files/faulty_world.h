#pragma once
// What FaultyFiles knows of the directory: which bytes and which names are durable. One lock around
// every call; FaultyFiles and its open files share it. Inside platform/files only.

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "base/random.h"
#include "platform/files/faulty_files.h"

namespace mw::files {

inline constexpr std::size_t sector_bytes = 512;

// A file, whatever its names.
struct FaultyNode {
    std::string at;                         // where its bytes lie now
    std::uint64_t size = 0;                 // now
    std::uint64_t synced = 0;               // this many bytes are durable ...
    std::map<std::uint64_t, Bytes> before;  // ... except sectors overwritten since: as they were
    bool stuck = false;  // a sync failed: what was not durable then never will be
    bool dirty() const { return size != synced || !before.empty(); }
};
using FaultyNodePtr = std::shared_ptr<FaultyNode>;

struct FaultyFiles::World {
    World(std::string root_directory, std::uint64_t seed, std::vector<std::string> except_paths);
    ~World();

    // Adopts what lies under root as durable.
    Result<> begin();
    static Result<> make_directories(const std::string& directory);
    bool covers(const std::string& path) const;
    bool covers_folder(const std::string& path) const;  // root too
    std::string normal(const std::string& path) const;
    std::string normal_folder(const std::string& path) const;  // without a slash at the end

    // The fault for this call, if any; io_failed once the power is gone.
    Result<std::optional<Fault>> enter(Call kind);
    // Does `deed` for a call without a partial outcome, or fails it.
    Result<> act(Call kind, const std::string& what, const std::function<Result<>()>& deed);
    Error failure(Fault fault, const std::string& what) const;
    // Space for growth; less than asked when the disk is full.
    std::uint64_t take_space(std::uint64_t wanted);
    void give_space(std::uint64_t bytes);

    FaultyNodePtr adopt(const std::string& path);  // the node of a file that exists
    void created(const std::string& path, FaultyNodePtr node);
    Result<> rename(const std::string& from, const std::string& to);
    Result<> remove(const std::string& path);
    void commit_names(const std::string& directory);
    // Remembers durable bytes in [from, to) before they change.
    Result<> preserve(FaultyNode& node, std::uint64_t from, std::uint64_t to);
    static void make_durable(FaultyNode& node);

    Result<> cut();

    const std::string root;
    const std::vector<std::string> except;  // beginnings of paths below root
    const std::string graveyard;  // beside root: files whose last name went, not yet durably
    SeededRandom random;
    RealFiles real;
    std::mutex mutex;
    bool is_cut = false;
    std::array<std::uint64_t, static_cast<std::size_t>(Call::any) + 1> calls{};
    std::optional<std::uint64_t> space;

    struct Rule {
        Call kind;
        std::uint64_t first, last;
        Fault fault;
    };
    std::vector<Rule> rules;

    using Names = std::map<std::string, FaultyNodePtr>;
    Names current;
    Names durable;

 private:
    struct NameChange {
        std::string from;  // empty: created
        std::string to;    // empty: removed
        FaultyNodePtr node;
    };
    Result<> bury(const std::string& path);
    void apply(const NameChange& change);
    void forget_buried();
    Result<> walk(const std::string& directory,
                  const std::function<Result<>(const std::string&)>& visit);
    Result<> tear(FaultyNode& node);
    Result<> tear_tail(File& file, std::uint64_t from, std::uint64_t to);
    Result<> put_names_back();

    std::vector<NameChange> pending;
    std::vector<FaultyNodePtr> buried;
    std::uint64_t graves = 0;
};

}  // namespace mw::files
