#pragma once
// Lines from a program that runs beside the agent, or from the agent's own standard input, as
// points (docs/formats/sources.md). A program runs only when the gateway's own file allows it: the
// hub describes sources, and must not be able to run what it likes. Belongs to the agent's loop.
// Limits: 64 KiB a line, `lines_per_second`; who says more waits in its write.

#include <memory>

#include "device/sources/lines.h"
#include "device/sources/sources.h"
#include "platform/process/process.h"

namespace mw::sources {

struct ProgramOptions {
    std::vector<std::string> command;  // empty: standard input
    std::string directory;
    std::vector<std::string> environment;
    nanoseconds every{
        0};  // after its end with code 0 it is started again then; 0: as after a failure
    double lines_per_second = 1'000;
    LineFormat format;
};

// {type: exec, command: [...]} and {type: stdin}; errors name the key.
Result<ProgramOptions> exec_options(const Json& description);
Result<ProgramOptions> stdin_options(const Json& description);

// Reads the gateway's list of programs: one absolute path a line, '#' begins a remark. denied: the
// program is not in it, there is none, or others than root and the agent's user may write it.
Result<> check_allowed(const std::string& list, const std::string& program);

class ProgramSource final : public Source {
 public:
    ProgramSource(ProgramOptions options, SourceContext context);
    Task<> run(SourceSink& sink, Bytes checkpoint) override;
    const std::string& name() const override { return context_.name; }
    SourceStatus status() const override;

 private:
    Task<> run_program(SourceSink& sink);
    Task<process::Ended> run_once(SourceSink& sink);
    Task<> read_all(SourceSink& sink, process::Pieces& from);
    Task<> hand_over(SourceSink& sink);
    Task<std::size_t> allowance();
    void complain(std::string_view line);
    void failed(std::string why);

    ProgramOptions options_;
    SourceContext context_;
    LineReader reader_;
    std::string state_ = "starting";
    std::string failure_;  // why the program ended last
    std::uint64_t failures_ = 0, starts_ = 0, complaints_ = 0;
    nanoseconds held_back_{0};
    double allowed_ = 0;  // lines that may be taken at once
    SteadyTime counted_;
};

}  // namespace mw::sources
