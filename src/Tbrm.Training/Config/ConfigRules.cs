using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Objectives;

namespace Tbrm.Training.Config;

/// <summary>What keys must satisfy together. Ranges of single keys stand at the keys.</summary>
internal static class ConfigRules
{
    private const double LeastTemperature = 1e-6;

    public static void Check(RunConfig config)
    {
        DataConfig data = config.Data;
        bool tasks = data.Task.Length > 0 || data.Tasks.Count > 0;
        Require(data.Task.Length == 0 || data.Tasks.Count == 0,
            $"data.task={data.Task} and data.tasks are both given; set data.task= to use the mixture");
        Require(!tasks || data.TrainFiles.Count == 0,
            $"{(data.Task.Length > 0 ? "data.task=" + data.Task : "data.tasks")} and data.train_files are both given; "
                + "prompts come from one of them. To train on the files set "
                + (data.Task.Length > 0 ? "data.task=" : "data.tasks=[]"));
        Require(TemplateDate.IsValid(data.TemplateDate),
            $"data.template_date: '{data.TemplateDate}' is no day; expected one such as 2026-07-31, or nothing");
        ValKwargsConfig val = config.Rollout.ValKwargs;
        Require(val.N == 1 || (val.DoSample && val.Temperature > 0),
            $"rollout.val_kwargs.n={val.N} greedy responses would all be the same; set "
                + "rollout.val_kwargs.do_sample=true and a temperature, or n=1");
        Require(config.Algorithm.Tbrm.RewardNormalization != "group_mean" || config.Rollout.N != 1,
            "algorithm.tbrm.reward_normalization=group_mean needs rollout.n of at least 2: with one sample every "
                + "reward becomes 0");
        Require(config.Reward.Control == "none" || data.Trajectories.Count == 0,
            $"reward.control={config.Reward.Control} with data.trajectories: rows of files bring rewards of their "
                + "own; leave one of them out");
        Require(config.Reward.Control == "none" || config.Algorithm.GdpoRewardKeys.Count == 0,
            $"reward.control={config.Reward.Control} with algorithm.gdpo_reward_keys: parts of a grade are no control");
        AlgorithmRules.Check(config);
        CheckOptim("actor.optim", config.Actor.Optim);
        CheckOptim("sft.optim", config.Sft.Optim);
        CheckOptim("critic.optim", config.Critic.Optim);
        ScratchModelConfig scratch = config.Model.Scratch;
        Require(scratch.HiddenSize % scratch.NumAttentionHeads == 0
            && scratch.HiddenSize / scratch.NumAttentionHeads % 2 == 0,
            $"model.scratch.hidden_size={scratch.HiddenSize} must be an even multiple of "
                + $"num_attention_heads={scratch.NumAttentionHeads}");
        Require(scratch.NumAttentionHeads % scratch.NumKeyValueHeads == 0,
            $"model.scratch.num_attention_heads={scratch.NumAttentionHeads} must be a multiple of "
                + $"num_key_value_heads={scratch.NumKeyValueHeads}");
        Require(config.Trainer.ResumeMode != "resume_path" || config.Trainer.ResumeFromPath.Length > 0,
            "trainer.resume_mode=resume_path needs trainer.resume_from_path (a global_step_N folder)");
        Require(config.Rollout.Temperature > 0 || config.Rollout.N <= 1,
            $"rollout.temperature=0 is greedy, so rollout.n={config.Rollout.N} would sample the same response "
                + $"{config.Rollout.N} times");
        // As fp32, which the sampler computes in, less would be nothing.
        Require(config.Rollout.Temperature is 0 or >= LeastTemperature && val.Temperature is 0 or >= LeastTemperature,
            $"rollout.temperature={config.Rollout.Temperature}, rollout.val_kwargs.temperature={val.Temperature}: "
                + $"expected 0 (greedy) or at least {LeastTemperature}");
        Require(config.Rollout.Stop.TrueForAll(s => s.Length > 0),
            "rollout.stop holds an empty text, which would end every response before it begins; leave it out");
        int longest = data.MaxPromptLength + data.MaxResponseLength;
        Require(config.Model.MaxPositions == 0 || config.Model.MaxPositions >= longest,
            $"model.max_positions={config.Model.MaxPositions} holds less than data.max_prompt_length + "
                + $"data.max_response_length = {longest}");
        CheckAdapter(config);
        Require(EngineDevice.IsName(config.Trainer.Device),
            $"trainer.device is '{config.Trainer.Device}'; expected {EngineDevice.Names}");
        CheckRanks(config);
        foreach (string logger in config.Trainer.Logger)
        {
            Require(logger is "console" or "file" or "tensorboard" or "csv",
                $"trainer.logger: there is no sink '{logger}'; expected console, file, tensorboard, csv");
        }
    }

    private static void CheckRanks(RunConfig config)
    {
        TrainerConfig trainer = config.Trainer;
        if (trainer.NGpusPerNode * trainer.Nnodes == 1)
        {
            return;
        }

        string given = trainer.Nnodes == 1 ? $"trainer.n_gpus_per_node={trainer.NGpusPerNode}"
            : $"trainer.nnodes={trainer.Nnodes}";
        Require(EngineDevice.IsOfAnyRank(trainer.Device),
            $"{given} with trainer.device={trainer.Device}: several ranks are contexts of the CPU; training on "
                + "several GPUs is not supported; set it to 1");
        Require(AlgorithmSelection.Of(config).Critic is null,
            $"{given}: algorithm.name={config.Algorithm.Name} has a critic, which is trained on one rank only; "
                + "set it to 1");
        Require(config.Rollout.Lag == 0,
            $"{given} with rollout.lag={config.Rollout.Lag}: a lagging rollout has one rank; leave one of them out");
    }

    private static void CheckAdapter(RunConfig config)
    {
        ModelConfig model = config.Model;
        CriticModelConfig critic = config.Critic.Model;
        CheckAdapterKeys("model", model.TargetModules, model.LoraRank, model.LoraAlpha);
        CheckAdapterKeys("critic.model", critic.TargetModules, critic.LoraRank, critic.LoraAlpha);
        Require(critic.LoraAdapterPath.Length == 0 || critic.Path.Length > 0 || model.Path.Length > 0,
            "critic.model.lora_adapter_path needs critic.model.path or model.path, the model that the adapter "
                + "belongs to");
        bool hasAdapter = model.LoraRank > 0 || model.LoraAdapterPath.Length > 0;
        Require(model.LoraAdapterPath.Length == 0 || model.Path.Length > 0,
            "model.lora_adapter_path needs model.path, the model that the adapter belongs to");
        Require(!hasAdapter || config.Ref.ResetSteps == 0,
            $"ref.reset_steps={config.Ref.ResetSteps} with an adapter: the reference is the base with the adapter "
                + "off, which cannot take over the policy's weights; set it to 0");
    }

    private static void CheckAdapterKeys(string section, List<string> targets, int rank, double alpha)
    {
        IReadOnlyList<string> unknown = AdapterOptions.UnknownTargets(targets);
        string names = string.Join(", ", unknown.Select(u => $"'{u}'"));
        Require(unknown.Count == 0, $"{section}.target_modules: {names} is no projection that can be adapted; expected "
            + AdapterOptions.KnownTargets);
        Require(targets.Count > 0, $"{section}.target_modules is empty; expected {AdapterOptions.KnownTargets}");
        Require(rank == 0 || alpha > 0,
            $"{section}.lora_alpha is {alpha}; expected more than 0 with {section}.lora_rank={rank}");
    }

    private static void CheckOptim(string section, OptimConfig optim)
    {
        Require(optim.Betas.Count == 2 && optim.Betas[0] is >= 0 and < 1 && optim.Betas[1] is >= 0 and < 1,
            $"{section}.betas must be two numbers in [0, 1), found [{string.Join(", ", optim.Betas)}]");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ConfigException(message);
        }
    }
}
