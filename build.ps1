# build.ps1 - builds, tests and runs tbrm-native on Windows: CMake with MSVC, .NET 10, and a libtorch archive that TBRM_TORCH_DIR names (or an
# active Python's torch). The same verbs and steps as build.sh; what is missing is named, not installed.
#   .\build.ps1 [build|train|test|bench|format|doctor|clean] [ARGUMENT...]
param(
    [ValidateSet('build', 'train', 'test', 'bench', 'format', 'doctor', 'clean')] [string] $Verb = 'build',
    [Parameter(ValueFromRemainingArguments)] [string[]] $Arguments = @()
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'
$app = Join-Path $PSScriptRoot 'artifacts\bin\Tbrm.Cli\release\tbrm-native.dll'

function Has([string] $tool) { $null -ne (Get-Command $tool -ErrorAction SilentlyContinue) }

# Runs a program and stops at the first that fails: PowerShell does not.
function Invoke-Step([string] $program, [string[]] $arguments) {
    & $program @arguments
    if ($LASTEXITCODE -ne 0) { throw "$program $($arguments -join ' ') ended with exit code $LASTEXITCODE" }
}

function Get-Missing {
    if (-not (Has dotnet) -or -not ((dotnet --list-sdks) -match '^10\.')) { 'the .NET 10 SDK (winget install Microsoft.DotNet.SDK.10)' }
    if (-not (Has cmake)) { 'CMake 3.24 or later (winget install Kitware.CMake)' }
    if (-not (Has ninja)) { 'Ninja (winget install Ninja-build.Ninja)' }
    if (-not (Has cl)) { 'MSVC: run this from a "x64 Native Tools" prompt of Visual Studio 2022' }
    $python = if ($env:TBRM_WITH_TORCH -eq '0') { $true } elseif (Has python) { python -c 'import torch' 2>$null; $LASTEXITCODE -eq 0 } else { $false }
    if (-not $env:TBRM_TORCH_DIR -and -not $python) { 'libtorch: unpack the archive from pytorch.org and set TBRM_TORCH_DIR to the folder that holds include\ and lib\ (or set TBRM_WITH_TORCH=0)' }
    if (-not $env:CMAKE_PREFIX_PATH) { 'nlohmann-json 3.11: vcpkg install nlohmann-json, and set CMAKE_PREFIX_PATH to its folder' }
}

function Get-Preset { if ((Has nvcc) -and $env:TBRM_CUDA -ne '0') { 'cuda' } else { 'cpu' } }

function Build-All {
    $missing = @(Get-Missing)
    if ($missing.Count -gt 0) { throw "missing:`n  $($missing -join "`n  ")" }
    Push-Location native
    try {
        Invoke-Step cmake @('--preset', (Get-Preset), '-Wno-dev', "-DTBRM_WITH_TORCH=$(if ($env:TBRM_WITH_TORCH -eq '0') { 'OFF' } else { 'ON' })")
        Invoke-Step cmake @('--build', '--preset', (Get-Preset))
    } finally { Pop-Location }
    Invoke-Step dotnet @('build', 'Tbrm.sln', '--configuration', 'Release', '--verbosity', 'quiet')
    # A launcher in a folder that the user's PATH is told of, once.
    $bin = Join-Path $env:LOCALAPPDATA 'tbrm-native'
    New-Item -ItemType Directory -Force $bin | Out-Null
    Set-Content (Join-Path $bin 'tbrm-native.cmd') "@dotnet `"$app`" %*"
    if (($env:PATH -split ';') -notcontains $bin) { Write-Host "put tbrm-native into $bin; add that folder to your PATH" }
}

switch ($Verb) {
    'build' { Build-All }
    'train' { Build-All; & dotnet $app train @Arguments; exit $LASTEXITCODE }
    'test' {
        Build-All
        Push-Location native
        try { Invoke-Step ctest (@('--preset', (Get-Preset)) + $Arguments) } finally { Pop-Location }
        Invoke-Step dotnet @('test', 'Tbrm.sln', '--configuration', 'Release', '--no-build')
    }
    'bench' {
        Build-All
        $pattern = if ($Arguments.Count -gt 0) { $Arguments[0] } else { '' }
        Get-ChildItem "artifacts\native\$(Get-Preset)\bench\bench_*$pattern*.exe" | ForEach-Object { Invoke-Step $_.FullName @() }
    }
    'format' {
        Invoke-Step clang-format (@('-i') + @(git ls-files '*.cpp' '*.hpp' '*.h' '*.cu' '*.cuh'))
        Invoke-Step dotnet @('format', 'Tbrm.sln', 'whitespace', '--no-restore')
    }
    'doctor' {
        $missing = @(Get-Missing)
        Write-Host "missing: $(if ($missing.Count -gt 0) { $missing -join '; ' } else { 'nothing' })"
        if (Test-Path $app) { & dotnet $app doctor; exit $LASTEXITCODE }
    }
    'clean' { Remove-Item -Recurse -Force artifacts -ErrorAction SilentlyContinue }
}
