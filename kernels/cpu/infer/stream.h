// One hop of a group of streams, wave to wave, without allocation: weights and workspace serve any number in turn.
// The models in models/wave.py and models/lite_avse.py are the oracle.

#pragma once

#include <cmath>
#include <cstring>

#include "axes.h"
#include "level.h"
#include "memory.h"
#include "stft.h"

// The codec of the model, one of two with one interface: a spectrum becomes positions along frequency, each a row of
// kChannels, and they become the enhanced spectrum.
#ifdef LIPSTREAM_REGIONS
#include "codecs/band.h"
#else
#include "codecs/separable.h"
#endif

// What lips do, one of two with one interface: embeddings join the features, or a cue closes a gate on the output.
#ifdef LIPSTREAM_GATE_BANDS
#include "lips/landmarks.h"
#include "lips/voice_gate.h"
#else
#include "lips/fusion.h"
#include "lips/crops.h"
#endif

namespace lipstream {

struct Weights {
    LevelWeights level;
    CodecWeights codec;
    LipsWeights lips;
    MemoryWeights memory[kBlocks];
    LayerWeights<TimeShape> time[kBlocks];
    LayerWeights<FrequencyShape> frequency[kBlocks];
    SightWeights sight;

    void read(Reader &reader) {
        level.read(reader);
        codec.read(reader);
        lips.read(reader);
        for (int k = 0; k < kBlocks; ++k) {
            memory[k].read(reader);
            time[k].read(reader);
            frequency[k].read(reader);
        }
        sight.read(reader);
    }
};

// All that a stream carries from hop to hop; zero is the start.
struct State {
    CausalState<TimeShape> time[kBlocks];
    MemoryState memory[kBlocks];
    float history[kHistory], overlap[kHistory];
    CodecState codec;
    LevelState level;
    LipsState lips;
};

struct Stream {
    alignas(64) State state;
    Look look;
    SightState sight;  // apart: another thread may see while a hop is enhanced

    void reset() { std::memset(&state, 0, sizeof state); }
};

// What a stream gets for a hop, and where it wants what comes of it.
struct Hop {
    Stream *stream;
    const float *in, *embedding;
    float age_s, dry;
    float *out, *alpha;
};

// What the end of a hop takes from its beginning.
struct Frame {
    float hop[kHop], embedding[kEmbedding];  // what is let in
    float gain;
    Spectrum noisy;
    CodecSkip skip;
};

// The workspace of one thread.
class Step {
  public:
    explicit Step(const Weights &weights) : weights_(weights), codec_(weights.codec), lips_(weights.lips) {}

    // Up to kGroup hops, each of another stream.
    void operator()(const Hop *hops, int count) {
        for (int i = 0; i < count; ++i) begin(hops[i], frames_[i], rows_[i]);
        for (int k = 0; k < kBlocks; ++k) {
            MemoryState *states[kGroup];
            for (int i = 0; i < count; ++i) states[i] = &hops[i].stream->state.memory[k];
            memory_.step(weights_.memory[k], rows_, states, count);
            for (int i = 0; i < count; ++i) mix_axes(k, hops[i].stream->state.time[k], rows_[i]);
        }
        for (int i = 0; i < count; ++i) end(hops[i], frames_[i], rows_[i]);
    }

  private:
    const Weights &weights_;
    Stft stft_;
    Codec codec_;
    Lips lips_;
    Memory memory_;
    CausalMixer<TimeShape> time_;
    FrequencyMixer frequency_;
    Spectrum enhanced_{};
    BandRows next_{};
    Frame frames_[kGroup]{};
    BandRows rows_[kGroup]{};

    // From the wave to the rows of the first block.
    void begin(const Hop &hop, Frame &frame, BandRows &rows) {
        State &state = hop.stream->state;
        limit(hop.in, kHop, weights_.level.sample_limit, frame.hop);
        limit(hop.embedding, kEmbedding, weights_.level.embedding_limit, frame.embedding);
        stft_.analyse(frame.hop, state.history, frame.noisy);
        frame.gain = level_gain(frame.noisy, weights_.level, state.level);
        codec_.encode(frame.noisy, frame.gain, state.codec, frame.skip, rows[0], rows.stride);
        *hop.alpha =
            lips_.join(frame.embedding, hop.age_s, hop.stream->look, state.lips, rows[0], rows.stride);
    }

    void mix_axes(int k, CausalState<TimeShape> &state, BandRows &rows) {
        CausalState<TimeShape> *const states[] = {&state};
        time_.step(weights_.time[k].mixer, rows, states);
        leave(weights_.time[k], rows, next_);
        frequency_.step(weights_.frequency[k].mixer, next_);
        leave(weights_.frequency[k], next_, rows);
    }

    // From the rows of the last block to the wave.
    void end(const Hop &hop, const Frame &frame, const BandRows &rows) {
        State &state = hop.stream->state;
        codec_.decode(rows[0], rows.stride, frame.skip, frame.noisy, state.codec, enhanced_);
        *hop.alpha +=
            lips_.take_away(frame.noisy, frame.gain, frame.embedding, hop.age_s, state.lips, enhanced_);
        mix(hop.dry, frame.noisy);
        stft_.synthesise(enhanced_, state.overlap, hop.out);
    }

    // The dry share of the noisy spectrum comes back.
    void mix(float dry, const Spectrum &noisy) {
        for (int f = 0; f < kBins; ++f) {
            enhanced_.real[f] += dry * (noisy.real[f] - enhanced_.real[f]);
            enhanced_.imag[f] += dry * (noisy.imag[f] - enhanced_.imag[f]);
        }
    }
};

}  // namespace lipstream
