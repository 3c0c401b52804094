namespace Tbrm.Data.Trajectories;

/// <summary>The columns of a file of trajectories; the first ones are verl's.</summary>
public static class TrajectoryKeys
{
    /// <summary>The prompt as text, template included (verl's dumps).</summary>
    public const string Input = "input";

    /// <summary>The response as text (verl's dumps).</summary>
    public const string Output = "output";

    /// <summary>The ground truth (verl's dumps).</summary>
    public const string GroundTruths = "gts";

    /// <summary>The grade.</summary>
    public const string Score = "score";

    /// <summary>The step that sampled it.</summary>
    public const string Step = "step";

    /// <summary>Token ids of the prompt, template included.</summary>
    public const string PromptIds = "prompt_ids";

    /// <summary>Token ids of the response, the stop token included.</summary>
    public const string ResponseIds = "response_ids";

    /// <summary>log pi of every response token under the policy that sampled it, nats.</summary>
    public const string Logp = "logp";

    /// <summary>The same under the distribution that was sampled from, after penalties and filters, nats; only where it
    /// differs.</summary>
    public const string ProcessedLogp = "processed_logp";

    /// <summary>What logits were divided by in every log-prob of the row.</summary>
    public const string Temperature = "temperature";

    /// <summary>Updates that the policy had behind it.</summary>
    public const string WeightVersion = "weight_version";

    /// <summary>The trajectory's number in its run.</summary>
    public const string Id = "trajectory";

    /// <summary>Rows of a file, and of a step, with the same value answer the same prompt.</summary>
    public const string Group = "group";

    /// <summary>log pi_ref of every response token, nats.</summary>
    public const string RefLogp = "ref_logp";

    /// <summary>V_ref(s_1), nats.</summary>
    public const string RefV1 = "ref_v1";

    /// <summary>V_ref(s_{H+1}), nats: of a response that was cut off.</summary>
    public const string RefVEnd = "ref_v_end";

    /// <summary>Why it ended: Stop, Length, ...</summary>
    public const string Finish = "finish";

    /// <summary>How the grade came about.</summary>
    public const string Status = "status";

    /// <summary>The answer that the grader read.</summary>
    public const string Extracted = "extracted";

    /// <summary>Why there is no grade.</summary>
    public const string Detail = "detail";

    /// <summary>Where the problem comes from.</summary>
    public const string DataSource = "data_source";

    /// <summary>The problem's number in its data.</summary>
    public const string Index = "index";
}
