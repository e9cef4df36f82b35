// threads TIME ROOT LEAF: eight threads share one verifier, and hand their verdicts to the main one.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "trustbridge.h"

struct Free {
    void operator()(trustbridge_verifier *verifier) const { trustbridge_verifier_free(verifier); }
    void operator()(trustbridge_verdict *verdict) const { trustbridge_verdict_free(verdict); }
};
using Verifier = std::unique_ptr<trustbridge_verifier, Free>;
using Verdict = std::unique_ptr<trustbridge_verdict, Free>;

static std::vector<std::uint8_t> read_file(const char *path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    const std::int64_t time = std::strtoll(argv[1], nullptr, 10);
    const auto root = read_file(argv[2]);
    const auto leaf = read_file(argv[3]);
    const trustbridge_bytes root_bytes{root.data(), root.size()};
    const trustbridge_bytes leaf_bytes{leaf.data(), leaf.size()};

    trustbridge_options options{};
    options.size = sizeof options;
    options.no_system_roots = true;
    options.extra_roots = {&root_bytes, 1};
    trustbridge_verifier *made = nullptr;
    if (trustbridge_verifier_new(&options, &made, nullptr) != TRUSTBRIDGE_TRUSTED) return 3;
    const Verifier verifier(made);

    constexpr int rounds = 50;
    std::array<std::vector<Verdict>, 8> verdicts;
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < verdicts.size(); worker++) {
        threads.emplace_back([&, worker] {
            for (int round = 0; round < rounds; round++) {
                const char *name = (worker + round) % 2 == 0 ? "example.com" : "example.org";
                trustbridge_verdict *verdict = nullptr;
                trustbridge_verify(verifier.get(), {&leaf_bytes, 1}, name, time, {}, &verdict);
                verdicts[worker].emplace_back(verdict);
            }
        });
    }
    for (auto &thread : threads) thread.join();

    int trusted = 0, misnamed = 0;
    for (const auto &mine : verdicts) {
        for (const auto &verdict : mine) {
            const trustbridge_status status = trustbridge_verdict_status(verdict.get());
            trusted += status == TRUSTBRIDGE_TRUSTED;
            misnamed += status == TRUSTBRIDGE_NAME_MISMATCH;
        }
    }
    std::printf("%d trusted, %d misnamed\n", trusted, misnamed);
    return 0;
}
