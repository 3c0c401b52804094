using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Shaping;

/// <summary>The response's length in tokens, which only its producer knows:
/// <c>extra_info.response_length</c>.</summary>
internal static class ResponseLength
{
    public const string Key = "response_length";

    public static double Of(GradeRequest request, string term)
    {
        return GraderOptions.TryNumber(request.ExtraInfo?[Key], out double length) && length >= 0
            ? length
            : throw new ConfigException(
                $"the shaping term '{term}' needs the response's tokens as a number under \"{Key}\"");
    }
}
