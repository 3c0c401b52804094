using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine.Models;
using Tbrm.Objectives;

namespace Tbrm.Training.Profiles;

/// <summary>What a phase of a step computes and moves.</summary>
/// <param name="Flops">Operations of products; a multiplication and an addition are two.</param>
/// <param name="Bytes">Bytes of memory that must be read or written whatever the cache: weights at each decoded token,
/// the optimizer's state.</param>
public readonly record struct PhaseCost(double Flops, double Bytes)
{
    /// <summary>Seconds at so many operations and bytes a second.</summary>
    public double Seconds(double flops, double bytes) => Flops / flops + Bytes / bytes;
}

/// <summary>Operations and bytes of a step, phase by phase, from the shape alone: products of body and head, and
/// attention; norms and activation functions are left out.</summary>
public sealed class StepCost
{
    private readonly ModelArchitecture _model;
    private readonly ProfileSetting _setting;
    private readonly double _bodyParameters, _headParameters, _prompt, _response, _prompts, _trajectories, _element;

    private StepCost(ProfileSetting setting)
    {
        _setting = setting;
        _model = setting.Shape.Architecture;
        _headParameters = (double)_model.VocabSize * _model.HiddenSize;
        _bodyParameters = _model.ParameterCount - _headParameters * (_model.TieWordEmbeddings ? 1 : 2);
        _prompt = setting.Config.Data.MaxPromptLength;
        _response = setting.Length;
        _prompts = setting.Batch;
        _trajectories = _prompts * setting.Opponent.Samples;
        _element = setting.IsBf16 ? 2 : 4;
    }

    /// <summary>By verl's timer names.</summary>
    public static IReadOnlyDictionary<string, PhaseCost> Of(ProfileSetting setting)
    {
        AlgorithmSelection algorithm = AlgorithmSelection.Of(setting.Config);
        return new StepCost(setting).Phases(algorithm).ToDictionary(p => p.Phase, p => p.Cost, StringComparer.Ordinal);
    }

    private IEnumerable<(string Phase, PhaseCost Cost)> Phases(AlgorithmSelection algorithm)
    {
        bool isOffline = _setting.Opponent.Form == OpponentForm.KnownReference;
        if (!isOffline)
        {
            yield return ("gen", Rollout());
        }

        if (algorithm.NeedsReference && !isOffline)
        {
            yield return ("ref", new(Body() + Head(), 0));
        }

        if (algorithm.Critic is not null)
        {
            yield return ("values", new(Body(), 0));
        }

        if (algorithm.Critic is not null && !_setting.Config.Critic.SharedTrunk)
        {
            AdapterOptions? critic = AdapterOptions.Of(_setting.Config.Critic.Model);
            double learned = critic?.ParameterCount(_model) ?? _bodyParameters + _headParameters;
            yield return ("update_critic", new(Body() * Backward(critic is not null), State(learned)));
        }

        double trained = _setting.Adapter?.ParameterCount(_model) ?? _model.ParameterCount;
        bool isAdapted = _setting.Adapter is not null;
        yield return ("update_actor", new(Body() * Backward(isAdapted) + Head() * (isAdapted ? 2 : 3), State(trained)));
    }

    /// <summary>Forward, and the gradient of inputs and of weights; with recomputation one more forward.</summary>
    private double Backward(bool isAdapted) => (isAdapted ? 2 : 3) + (_setting.Options.Recompute ? 1 : 0);

    private double Body() => _trajectories * (2 * _bodyParameters * (_prompt + _response)
        + Attention(0, _prompt + _response));

    private double Head() => _trajectories * 2 * _headParameters * _response;

    /// <summary>Scores and sums over the keys of tokens from..to of one sequence, all layers.</summary>
    private double Attention(double from, double to) =>
        4.0 * _model.Layers * _model.Heads * _model.HeadDim * (to * to - from * from) / 2;

    /// <summary>Prompts once, then a token of every trajectory at a time: each reads all weights, and its own keys and
    /// values.</summary>
    private PhaseCost Rollout()
    {
        double prefill = _prompts * (2 * _bodyParameters * _prompt + Attention(0, _prompt));
        double decode = _trajectories * (2 * (_bodyParameters + _headParameters) * _response
            + Attention(_prompt, _prompt + _response));
        double keys = 2.0 * _model.Layers * _model.KeyValueHeads * _model.HeadDim * _element;
        double reads = _response * (_bodyParameters + _headParameters) * _element
            + _trajectories * keys * (Attention(_prompt, _prompt + _response)
                / (4.0 * _model.Layers * _model.Heads * _model.HeadDim));
        return new(prefill + decode, reads);
    }

    /// <summary>AdamW reads the gradient, reads and writes two moments and the master, zeroes the gradient; a bf16
    /// model
    /// writes its weights besides.</summary>
    private double State(double parameters) => parameters * (4 + 16 + 8 + 4 + (_setting.IsBf16 ? 2 : 0));
}
