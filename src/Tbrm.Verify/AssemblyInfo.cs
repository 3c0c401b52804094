using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Verify.Tests")]
