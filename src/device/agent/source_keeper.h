#pragma once
// Runs the sources that a gateway should have. A description that is wrong stops nothing; one that
// does not come up in time gives way to the one before it, also over a restart. Belongs to the
// agent's loop. Keeps DIR/sources.json: the last description of each that came up.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/sources/sources.h"
#include "platform/files/files.h"

namespace mw::agent {

struct WantedSource {
    std::string hash;
    Json description;
};

class SourceKeeper {
 public:
    struct Parts {
        Loop& loop;
        Workers& workers;
        files::Files& files;
        Clock& clock;
        sources::SourceSink& sink;
        std::function<Bytes(const std::string&)> checkpoint;  // of a source, by name
        std::function<void()> changed;
    };
    struct Options {
        nanoseconds patience = seconds{10};  // for a source that takes another's place
        nanoseconds look_every = milliseconds{50};
    };
    SourceKeeper(Parts parts, DeviceId device, std::string directory, Options options);
    SourceKeeper(Parts parts, DeviceId device, std::string directory);
    ~SourceKeeper();

    Task<> converge(std::map<std::string, WantedSource> wanted);
    void stop();  // all of them, at the end of the agent
    // Those that run; none before the first converge(). They live until the next one.
    std::vector<sources::Source*> running() const;
    Json report() const;
    std::string silent() const;  // those that give no points now, and what they do

 private:
    struct Kept {
        std::string state = "pending";
        std::string hash;
        std::optional<Error> error;
    };
    struct Running {
        WantedSource what;
        std::unique_ptr<sources::Source> source;
        std::unique_ptr<Scope> scope;
        std::optional<Error> ended;
    };
    Task<> read_known_good();
    Task<> keep_known_good();
    Task<> replace(std::string name, WantedSource wanted);
    Task<std::unique_ptr<sources::Source>> make(std::string name, Json description);
    void start(const std::string& name, WantedSource what, std::unique_ptr<sources::Source> source);
    Task<> run(std::string name, Running& running);
    Task<> try_out(std::string name, std::string hash);
    Task<> go_back(std::string name, Error why);
    Task<> stop_one(std::string name);
    Task<> end_trial(std::string name);
    void came_up(const std::string& name);

    Parts parts_;
    DeviceId device_;
    std::string directory_;
    Options options_;
    std::map<std::string, Kept> kept_;
    std::map<std::string, Running> running_;
    std::map<std::string, WantedSource> known_good_;
    std::vector<std::unique_ptr<sources::Source>> retired_;  // somebody may look back in them
    bool read_ = false;
    std::map<std::string, std::unique_ptr<Scope>> trials_;
};

}  // namespace mw::agent
